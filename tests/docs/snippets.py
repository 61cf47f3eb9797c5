"""Makes a program of the C++ on a page: each ```cpp block is a function of its own. The program runs the blocks that say
what they print ("// prints 0.5") and compares.   snippets.py PAGE.md [TRANSLATION.md...] OUT.cpp
A translation must carry the same blocks."""
import pathlib
import re
import sys

*pages, out = map(pathlib.Path, sys.argv[1:])


def blocks_of(page):
    text = page.read_text(encoding="utf-8")
    return [(text.count("\n", 0, m.start()) + 2, m[1]) for m in re.finditer(r"^```cpp\n(.*?)^```", text, re.M | re.S)]


blocks = blocks_of(pages[0])
if not blocks:
    sys.exit(f"{pages[0]}: no ```cpp block")
for page in pages[1:]:
    translated = blocks_of(page)
    for (line, ours), (_, original) in zip(translated, blocks):
        if ours != original:
            sys.exit(f"{page}:{line}: this block is not that of {pages[0].name}")
    if len(translated) != len(blocks):
        sys.exit(f"{page}: {len(translated)} blocks, {pages[0].name} has {len(blocks)}")

program = ["#include <iostream>", "#include <sstream>", "#include <string>"]
functions, calls = [], []
for line, block in blocks:
    top, body = [], []
    for text in block.splitlines():
        (top if text.startswith(("#include", "using namespace")) else body).append(text)
    program += top
    functions += [f'#line {line + len(top)} "{pages[0].as_posix()}"', f"static void block_{line}() {{", *body, "}"]
    prints = re.findall(r"// prints (.*)$", block, re.M)
    if prints:
        expected = "".join(p.strip() + "\\n" for p in prints)
        calls.append(f'  failed += run({line}, block_{line}, "{expected}");')
    else:
        calls.append(f"  (void)block_{line};")

program += functions
program.append(f'''#line 1 "{out.name}"
static int run(int line, void (*block)(), const std::string& expected) {{
  std::ostringstream printed;
  std::streambuf* const terminal = std::cout.rdbuf(printed.rdbuf());
  try {{
    block();
  }} catch (const std::exception& error) {{
    printed << "threw: " << error.what();
  }}
  std::cout.rdbuf(terminal);
  if (printed.str() == expected) return 0;
  std::cout << "{pages[0].name}:" << line << ": the page says\\n" << expected << "but it prints\\n" << printed.str() << '\\n';
  return 1;
}}

int main() {{
  int failed = 0;''')
program += calls + ["  return failed != 0;", "}", ""]
out.write_text("\n".join(program), encoding="utf-8")
