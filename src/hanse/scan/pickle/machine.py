"""The pickle machine: follows every opcode of protocols 0 to 5 symbolically, in bounded time and memory.

One loop (`Machine.run`) does what most opcodes of real files do; everything else is a handler in `hanse.scan.pickle.handlers`,
which gets the machine and the offset of the opcode in the window and returns the offset of the next one.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

from hanse.scan.budget import Budget, OverBudget
from hanse.scan.pickle import opcodes as op
from hanse.scan.pickle.calls import Site, touch
from hanse.scan.pickle.ended import Ended, Framed
from hanse.scan.pickle.handlers import HANDLERS
from hanse.scan.pickle.heap import HOLE, MAX_PAIRS, Heap
from hanse.scan.pickle.record import Record
from hanse.scan.pickle.values import MARGIN, Constants
from hanse.scan.source import Source, SplicedSource

STRIDE = 1 << 14
"""Bytes after which the operations are charged; what can be spent beyond the budget is what so many bytes can cost."""
MAX_STACK = 3_200_000
"""Values on the stack, about 40 bytes each; real files have a few thousand."""
MAX_VALUES = 16_000_000
"""Values in the memo, 8 bytes each."""
LONGEST = 1 + 1 + 255
MAX_SPARSE = 500_000
MAX_GAP = 64
"""Keys that may be left out in the dense part of the memo: Python 2 counts from 1, old optimisers leave unused keys out."""
STEP_COST = 15
FORK_OPERATIONS = 20_000
MAX_FORKED = 256
"""Values of the stack and of the memo that a fork gets."""
SPARSE_COST = 10
GAP_COST = 20
NOTE_COST = 8
TUPLE_COST = 4
PUT_COST = 2
PAIRS_COST = 6


class Machine:
    """Follows streams of one source. Positions are bytes from its start.

    step: follow opcode by opcode and drop what a frame has left over, as `load` from a file without `peek` does; joblib: array
    bytes may follow its wrappers.
    """

    def __init__(self, source: Source, record: Record, budget: Budget, *, step: bool = False, joblib: bool = True) -> None:
        self.constants = Constants(source)
        self.heap = Heap(self.constants)
        self.record = record
        self.budget = budget
        self.step = step
        self.joblib = joblib
        self.stack: list[int] = []
        self.marks = array("q")
        self.memo = array("q")
        self.sparse: dict[int, int] = {}
        self.remember: Callable[[int], None] = self.memo.append
        self.sites: dict[tuple[int, str], Site] = {}
        self.nested: dict[int, str] = {}
        self.objects: set[int] = set()
        self.imports: dict[bytes | tuple[int, int], tuple[list[Any], int]] = {}
        self.restart()

    def restart(self) -> None:
        """Forget the stack and the memo, as a new call of `load` does."""
        del self.stack[:], self.marks[:], self.memo[:]
        self.sparse.clear()
        self.remember = self.memo.append
        self.proto = self.holes = self.operations = self.extra = self.position = 0
        self.frame_end = -1
        self.crossed = False

    def fork(self, record: Record) -> Machine:
        """Return a machine with the same values that takes nothing for joblib's arrays and notes into `record`."""
        other = Machine(self.constants.source, record, Budget({"operations": FORK_OPERATIONS}), joblib=False)
        other.heap.things = list(self.heap.things)
        other.stack = self.stack[-MAX_FORKED:]
        other.memo = self.memo[:MAX_FORKED]
        other.remember = other.memo.append
        return other

    def follow(self, start: int) -> tuple[str, int]:
        """Follow the stream from `start`; returns why it ended and where. Raises OverBudget."""
        self.position = start
        try:
            while True:
                self._window()
        except Ended as end:
            return end.reason, min(self.position + (end.reason == "stop"), self.constants.source.size)

    def _window(self) -> None:
        """Follow what is in memory from the current position on."""
        if len(self.stack) > MAX_STACK or len(self.memo) > MAX_VALUES or len(self.marks) > MAX_VALUES:
            raise OverBudget("stack")
        if 0 <= self.frame_end <= self.position:
            self.crossed = self.crossed or self.position > self.frame_end
            self.frame_end = -1
        constants = self.constants
        constants.load(self.position)
        self.heap.tidy()
        if self.position >= constants.source.size:
            raise Ended("truncated")
        if self.step:
            self._keep_frame()
        start = self.position - constants.base
        limit = min(len(constants.data) - MARGIN, start + STRIDE)
        if self.frame_end >= 0:
            limit = min(limit, self.frame_end - constants.base)
        try:
            self.run(start, start + 1 if self.step else limit)
        finally:
            spent, self.extra = self.extra, 0
            self.budget.spend("operations", spent)

    def _keep_frame(self) -> None:
        """Drop the rest of the frame where a read of the next opcode crosses its end."""
        constants, at = self.constants, self.position
        self.extra += STEP_COST
        code = constants.data[at - constants.base]
        if self.frame_end < 0 or code in op.STRAIGHT:
            return
        for length in op.reads(constants.data, at - constants.base):
            if at + length > self.frame_end:
                self.splice(at)
                return
            at += length

    def splice(self, at: int) -> None:
        """Leave out the bytes from `at` to the end of the frame."""
        self.constants.replace(SplicedSource(self.constants.source, at, self.frame_end))
        self.constants.load(self.position)
        self.frame_end = -1

    def run(self, pos: int, limit: int) -> None:  # noqa: C901, PLR0912 - flat, because calls cost more than most opcodes
        """Follow opcodes of the window from offset `pos` until `limit`; sets `position`, raises Ended.

        The inner loop does so many opcodes that none of them can begin behind the limit: each but those of handlers is at most
        LONGEST bytes long. Unlisted codes and those whose condition fails go to their handler.
        """
        data, base, stack, marks, memo = self.constants.data, self.constants.base, self.stack, self.marks, self.memo
        push, pop, mark, remember, fixed = stack.append, stack.pop, marks.append, self.remember, op.FIXED
        tuples, made, count, done, slow = self.heap.tuples, len(self.heap.tuples), 0, 0, 0
        sparse, from_bytes = self.sparse, int.from_bytes
        try:
            while pos < limit:
                count += done
                for done in range(1, (limit - pos) // LONGEST + 2):  # noqa: B007
                    if (code := data[pos]) == 0x68:  # BINGET
                        push(memo[data[pos + 1]])
                        pos += 2
                    elif (size := fixed[code]) or code == 0x8C:  # SHORT_BINUNICODE
                        push(base + pos)
                        pos += size or 2 + data[pos + 1]
                    elif code == 0x94:  # MEMOIZE
                        remember(stack[-1])
                        pos += 1
                    elif code == 0x28:  # MARK
                        mark(len(stack))
                        pos += 1
                    elif code == 0x72 and not sparse and from_bytes(data[pos + 1 : pos + 5], "little") == len(memo):
                        memo.append(stack[-1])
                        pos, slow = pos + 5, slow + PUT_COST
                    elif code == 0x86:  # TUPLE2
                        tuples[base + pos] = (stack[-2], pop())
                        stack[-1], pos = base + pos, pos + 1
                    elif code == 0x30 and not marks:  # POP
                        pop()
                        pos += 1
                    else:
                        slow += 1
                        at, pos = pos, HANDLERS[code](self, pos)
                        remember = self.remember
                        if pos - at > LONGEST:
                            break
        except (Framed, IndexError) as error:
            pos = self._recover(pos, error)
        finally:
            self._count(count + done, slow + TUPLE_COST * (len(tuples) - made), base + pos)

    def _count(self, operations: int, extra: int, position: int) -> None:
        self.operations += operations
        self.extra += operations + extra
        self.position = position

    def _recover(self, pos: int, error: Framed | IndexError) -> int:
        """Go on in a frame, or after a memo entry that the loop did not find; raises Ended where a value is missing."""
        if isinstance(error, Framed):
            return error.offset
        if self.constants.data[pos] != op.BINGET:
            raise Ended("stack-underflow")
        self.stack.append(self.lookup(self.constants.data[pos + 1]))
        return pos + 2

    def lookup(self, key: int) -> int:
        """Return a value of the memo; raises Ended."""
        if key < len(self.memo):
            return self.memo[key]
        self.extra += SPARSE_COST
        if key not in self.sparse:
            raise Ended("memo-hole")
        return self.sparse[key]

    def put(self, key: int) -> None:
        """Keep the top of the stack in the memo."""
        value = self.stack[-1]
        size = len(self.memo)
        if key < size:
            self.holes -= self.memo[key] == HOLE
            self.memo[key] = value
        elif key == size and not self.sparse:
            self.memo.append(value)
        elif key - size < MAX_GAP:
            self.extra += GAP_COST + key - size
            self.memo.extend([self.sparse.pop(other, HOLE) for other in range(size, key)])
            self.memo.append(value)
            self.holes += sum(other == HOLE for other in self.memo[size:])
            self.sparse.pop(key, None)
            self.remember = self._memoize if self.holes or self.sparse else self.remember
        else:
            if len(self.sparse) >= MAX_SPARSE:
                raise OverBudget("memo")
            self.extra += SPARSE_COST
            self.sparse[key] = value
            self.remember = self._memoize

    def _memoize(self, _value: int) -> None:
        """Do MEMOIZE where the memo has holes: its key is the number of entries."""
        self.put(len(self.memo) + len(self.sparse) - self.holes)

    def fill(self, pos: int) -> int:
        """Do APPENDS, SETITEMS or ADDITEMS: note what is put into no container, else remember what a dict gets."""
        start = self.marks.pop()
        target = self.stack[start - 1]
        code, after = self.constants.data[pos : pos + 2]
        if target < 0 or (code == op.SETITEMS and (after in _USES_STATE or self.heap.has_room())):
            self._fill(code, target, start, self.constants.base + pos)
        del self.stack[start:]
        return pos + 1

    def _fill(self, code: int, target: int, start: int, at: int) -> None:
        if target < 0:
            self.extra += NOTE_COST
            touch(self, "setitem" if code == op.SETITEMS else "append", target, at)
        else:
            self.extra += PAIRS_COST
            self.heap.keep_pairs(target, self.stack[start : start + MAX_PAIRS], len(self.stack) - start)

    def pop_mark(self) -> list[int]:
        """Take everything above the last mark; raises IndexError without one."""
        mark = self.marks.pop()
        taken = self.stack[mark:]
        del self.stack[mark:]
        return taken


_USES_STATE = frozenset({op.BUILD, op.TUPLE, op.TUPLE1, op.TUPLE2, op.TUPLE3, op.MEMOIZE})
"""What follows the SETITEMS of a state: contents are remembered there even when there is no room for more."""
