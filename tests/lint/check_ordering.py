#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Every atomic operation stronger than relaxed is numbered and names its partner, and the partner names it back.

    ready_.store(true, std::memory_order_release); // (1) release: data_ is written; pairs with (2)

The comment is on one of the lines of the statement, or ends on the line above it (up to three lines of
comment). A number belongs to one statement and is unique in its file. Partners: `(2)` in the same file,
`file.hpp(2)` elsewhere, several joined by commas or `and`. A partner that is no atomic of ours is named as
`pairs with outside: membarrier(2) in synchronize_rcu`. An operation without an order is seq_cst, and counts.
"""
import bisect
import re

import lint

ORDERS = r"(?:acquire|release|acq_rel|seq_cst|consume)"
STRONG = re.compile(rf"\bmemory_order(?:_|::){ORDERS}\b|\b__ATOMIC_(?:ACQUIRE|RELEASE|ACQ_REL|SEQ_CST|CONSUME)\b")
# `Orders::x`: a template parameter whose constants carry the comments, so that a test can leave one out.
ANY_ORDER = re.compile(r"\bmemory_order|\b__ATOMIC_|\border\b|\bOrders::")
# Only atomics have these, whatever the object's name; the others are looked at when the object is a known atomic.
ALWAYS_ATOMIC = re.compile(r"(?:\.|->)\s*(?:fetch_(?:add|sub|and|or|xor)|compare_exchange_(?:weak|strong)|test_and_set)\s*\(")
EMPTY_LOAD = re.compile(r"(?:\.|->)\s*load\s*\(\s*\)")
NAMED = re.compile(r"\b(\w+)\s*(?:\[[^\[\]]*\]\s*)*(?:\.|->)\s*(?:store|exchange|clear|test|wait)\s*\(")
OPERATOR = re.compile(r"(?:\+\+|--)\s*(\w+)\b(?!\s*[\w.(\[]|->)|\b(\w+)\s*(?:\[[^\[\]]*\])?\s*(?:\+\+|--|[-+&|^]=|(?<![=!<>])=(?!=))")
DECLARED = re.compile(r"\batomic(?:_ref)?\s*<[^;{}()]*>\s*(?:,[^;{}()]*>\s*)?&?\s*(\w+)\s*(?=[;{=\[(,)])|\batomic_(?:flag|bool|int)\s+(\w+)")
DEFINITION = re.compile(rf"\((\d+)\)\s+({ORDERS}(?:/{ORDERS})*)(?:\s+fence)?:")
PAIRS = re.compile(r"\bpairs\s+with\s+(outside:\s*\w+|(?:(?:[\w./]+\.[ch]pp\s*)?\(\d+\)(?:\s*,\s*(?:and\s+)?|\s+and\s+)?)+)")
REFERENCE = re.compile(r"([\w./]+\.[ch]pp)?\s*\((\d+)\)")
REACH = 3  # lines of comment above a statement


def arguments_of_call(code, opening):
    depth = 0
    for i in range(opening, len(code)):
        depth += {"(": 1, ")": -1}.get(code[i], 0)
        if depth == 0:
            return code[opening:i]
    return code[opening:]


def strong_offsets(code, atomics, own_atomics):
    for match in STRONG.finditer(code):
        yield match.start(), re.sub(r".*(?:memory_order(?:_|::)|__ATOMIC_)", "", match.group()).lower()
    for match in EMPTY_LOAD.finditer(code):
        yield match.start(), "seq_cst"
    for match in ALWAYS_ATOMIC.finditer(code):
        if not ANY_ORDER.search(arguments_of_call(code, match.end() - 1)):
            yield match.start(), "seq_cst"
    for match in NAMED.finditer(code):
        if match.group(1) in atomics and not ANY_ORDER.search(arguments_of_call(code, match.end() - 1)):
            yield match.start(), "seq_cst"
    for match in OPERATOR.finditer(code):
        declaration = re.search(r"[>\w&*]\s+$", code[:match.start()]) and not re.search(
            r"\b(?:return|else|do|co_return)\s+$", code[:match.start()])
        if (match.group(1) or match.group(2)) in own_atomics and not declaration:
            yield match.start(), "seq_cst"


class Statement:
    def __init__(self, first, last):
        self.first, self.last, self.orders, self.explained = first, last, set(), None


def statements(code, found):
    """The statements that hold strong operations: from the previous `;`, `{` or `}` to the next."""
    ends = [m.start() for m in re.finditer(r"[;{}]", code)]
    by_start = {}
    for offset, order in found:
        k = bisect.bisect_left(ends, offset)
        begin = ends[k - 1] + 1 if k else 0
        begin += len(code[begin:]) - len(code[begin:].lstrip())
        end = ends[k] if k < len(ends) else len(code)
        statement = by_start.setdefault(begin, Statement(lint.line_of(code, begin), lint.line_of(code, end)))
        statement.orders.add(order)
    return [by_start[key] for key in sorted(by_start)]


class Explanation:
    def __init__(self, number, orders, first, last, text):
        self.number, self.orders, self.first, self.last, self.text = number, orders, first, last, text
        self.partners, self.outside = [], False


def explanations(text):
    """Numbered comments; one runs on over the comment-only lines below it."""
    lines = text.splitlines()
    result = []
    comment = [m.group(1) if (m := re.search(r"//+<?\s?(.*)", line)) else None for line in lines]
    alone = [line.strip().startswith("//") for line in lines]
    for i, words in enumerate(comment):
        for match in DEFINITION.finditer(words or ""):
            body, last = words[match.end():], i
            while (last + 1 < len(lines) and alone[last + 1] and not DEFINITION.search(comment[last + 1])
                   and not re.search(r"\(\d+\)[.;]?\s*$", body)):
                last += 1
                body += " " + comment[last]
            nxt = DEFINITION.search(body)
            result.append(Explanation(int(match.group(1)), set(match.group(2).split("/")), i + 1, last + 1,
                                      body[:nxt.start()] if nxt else body))
    return result


def check(arguments, findings):
    root = arguments.root
    sources = lint.files(root)
    names = {path: str(path.relative_to(root)) for path in sources}
    codes = {path: lint.code_only(path.read_text()) for path in sources}
    declared = {p: {a or b for a, b in DECLARED.findall(code)} for p, code in codes.items()}
    atomics = set().union(*declared.values()) if declared else set()
    known, looked_at = {}, 0

    for path, code in codes.items():
        where = names[path]
        own = declared[path] | declared.get(path.with_suffix(".hpp"), set())
        found = statements(code, strong_offsets(code, atomics, own))
        looked_at += len(found)
        notes = explanations(path.read_text())
        for note in notes:
            at = f"{where}:{note.first}"
            if (path, note.number) in known:
                findings.append(f"{at}: ({note.number}) is used twice in this file")
            known[path, note.number] = note
            # The statement on a line of the comment, else the next one below it.
            owner = next((s for s in found if not s.explained and s.first <= note.first <= s.last), None) or next(
                (s for s in found if not s.explained and note.last < s.first <= note.first + REACH), None)
            if owner is None:
                findings.append(f"{at}: ({note.number}) explains no operation stronger than relaxed")
                continue
            owner.explained = note
            if not note.orders & owner.orders:
                findings.append(f"{at}: ({note.number}) says {'/'.join(sorted(note.orders))}, "
                                f"the code says {'/'.join(sorted(owner.orders))}")
            pairs = PAIRS.search(note.text)
            if not pairs:
                findings.append(f"{at}: ({note.number}) names no partner: `; pairs with (n)` or `file.hpp(n)`")
            elif not re.search(r"\w", note.text[:pairs.start()]):
                findings.append(f"{at}: ({note.number}) gives no reason: `(n) release: why; pairs with (m)`")
            elif pairs.group(1).startswith("outside"):
                note.outside = True
            else:
                note.partners = [(file, int(n)) for file, n in REFERENCE.findall(pairs.group(1))]
        for statement in found:
            if not statement.explained:
                findings.append(f"{where}:{statement.first}: {'/'.join(sorted(statement.orders))} without a numbered "
                                "comment: `// (n) release: why; pairs with (m)`")

    def resolve(path, file, number):
        if not file:
            return [path]
        return [p for p in sources if names[p].endswith("/" + file.lstrip("./"))]

    for (path, number), note in sorted(known.items(), key=lambda item: (names[item[0][0]], item[0][1])):
        at = f"{names[path]}:{note.first}: ({number})"
        for file, partner in note.partners:
            targets = resolve(path, file, partner)
            if len(targets) != 1:
                findings.append(f"{at} pairs with {file}({partner}): "
                                + ("no such file" if not targets else "more than one such file; say its folder"))
                continue
            other = known.get((targets[0], partner))
            if other is None:
                findings.append(f"{at} pairs with {file or ''}({partner}), which is not there")
            elif not any(n == number and resolve(targets[0], f, n) == [path] for f, n in other.partners):
                findings.append(f"{at} pairs with {file or ''}({partner}), which does not name it back")
    return looked_at


lint.main(check, __doc__)
