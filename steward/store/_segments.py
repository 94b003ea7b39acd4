"""The files of the spool: append-only segments of checksummed frames, one frame a batch.

Invariants: a frame is on disk when `append` returns; a torn tail (never acknowledged) is cut off, damage in the middle is
stepped over and told, never silently; frames leave in the order they came; a drained segment is deleted, and the deletion
is on disk before anything newer can pass by the spool, so that old values never come back over newer ones.

A frame: magic, length and CRC-32 of the payload; the payload: spooled-at (ns), number of rows, length of the ids (JSON, the
points of this batch), then the columns as little-endian arrays. Ids, not numbers: a spool outlives the index it was made by.
"""

from __future__ import annotations

import fcntl
import json
import os
import struct
import zlib
from collections import deque
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from steward.errors import SpoolFull, StoreUnavailable
from steward.model import Batch, PointIndex

_MAGIC = b"SpF1"
_HEAD = struct.Struct("<4sII")
_BODY = struct.Struct("<qII")
_COLUMNS = ("<i4", "<i8", "<i8", "<f8", "u1", "?")
_ROW = sum(np.dtype(kind).itemsize for kind in _COLUMNS)
_SEGMENT = 8 << 20


@dataclass(frozen=True, slots=True)
class _Frame:
    path: Path
    offset: int
    length: int
    samples: int
    at: int


class Segments:
    """Frames in a folder. Blocking, to be used from one thread; `size`, `samples`, `oldest` may be read from any."""

    def __init__(self, folder: Path, index: PointIndex, limit: int) -> None:
        self._folder, self._index, self._limit = folder, index, limit
        self._segment_limit = max(1, min(_SEGMENT, limit // 8))
        self._frames: deque[_Frame] = deque()
        self._sizes: dict[Path, int] = {}
        self._active: tuple[Path, int] | None = None  # path and descriptor of the segment that grows
        self._lock = -1
        self._next = 1
        self.samples = 0

    @property
    def size(self) -> int:
        """Bytes on disk, batches set aside included."""
        return sum(self._sizes.copy().values())

    @property
    def oldest(self) -> int | None:
        """When the oldest frame was spooled, ns; None if there is none."""
        try:
            return self._frames[0].at
        except IndexError:
            return None

    def open(self) -> list[str]:
        """Reads what is there; returns what was found damaged, in words. Raises StoreUnavailable if another process has it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._lock = os.open(self._folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            os.close(self._lock)
            raise StoreUnavailable(f"the spool {self._folder} is in use by another process") from error
        self._frames.clear()
        self._sizes = {path: path.stat().st_size for path in self._folder.glob("*.refused")}
        self.samples, damaged = 0, []
        for path in sorted(self._folder.glob("*.spool")):
            damaged += self._scan(path)
            self._next = int(path.stem) + 1
        return damaged

    def close(self) -> None:
        """Closes the files; the frames stay."""
        self._seal()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    def append(self, batch: Batch, now: int) -> None:
        """Makes a frame of a batch durable. Raises SpoolFull at the limit, or when the disk is full."""
        frame = self._encode(batch, now)
        if self.size + len(frame) > self._limit:
            raise SpoolFull(
                f"the spool {self._folder} holds {self.size} of {self._limit} bytes: the store must come back first"
            )
        path, descriptor = self._growing(len(frame))
        offset = self._sizes[path]
        try:
            _write_all(descriptor, frame)
            os.fdatasync(descriptor)
        except OSError as error:
            os.ftruncate(descriptor, offset)
            raise SpoolFull(f"the spool {self._folder} cannot grow: {error}") from error
        self._sizes[path] = offset + len(frame)
        self._frames.append(_Frame(path, offset, len(frame), len(batch), now))
        self.samples += len(batch)

    def first(self, rows: int = 1) -> tuple[Batch, int] | None:
        """The oldest batches as one, up to some `rows` but at least one batch, and how many they are; None if there is none.

        They stay until `drop` or `set_aside`.
        """
        batches: list[Batch] = []
        for frame in self._frames:
            rows -= frame.samples
            if batches and rows < 0:
                break
            batches.append(self._decode(self._raw(frame)[_HEAD.size :]))
        return (Batch.concat(batches), len(batches)) if batches else None

    def drop(self, count: int) -> None:
        """Removes the oldest batches: they are in the store."""
        for _ in range(count):
            frame = self._frames.popleft()
            self.samples -= frame.samples
            if not self._frames or self._frames[0].path != frame.path:
                if self._active and self._active[0] == frame.path:
                    self._seal()
                frame.path.unlink()
                self._sizes.pop(frame.path)
                self._sync_folder()

    def set_aside(self) -> None:
        """Moves the oldest batch into a file of its own, `<segment>-<offset>.refused`: no store will ever take it."""
        frame = self._frames[0]
        path = frame.path.with_name(f"{frame.path.stem}-{frame.offset}.refused")
        with path.open("wb") as file:
            file.write(self._raw(frame))
            file.flush()
            os.fsync(file.fileno())
        self._sizes[path] = frame.length
        self._sync_folder()
        self.drop(1)

    def _growing(self, length: int) -> tuple[Path, int]:
        if self._active and self._sizes[self._active[0]] + length > self._segment_limit:
            self._seal()
        if self._active is None:
            path = self._folder / f"{self._next:012d}.spool"
            self._active = path, os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
            self._sizes[path] = 0
            self._next += 1
            self._sync_folder()
        return self._active

    def _seal(self) -> None:
        if self._active:
            path, descriptor = self._active
            os.close(descriptor)
            self._active = None
            if not self._sizes[path]:  # a first frame that found the disk full
                path.unlink()
                self._sizes.pop(path)

    def _sync_folder(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _scan(self, path: Path) -> list[str]:
        """Takes in the frames of a segment; returns what is damaged."""
        data = path.read_bytes()
        offset, damaged, held = 0, [], len(self._frames)
        while offset < len(data):
            length = _frame_length(data, offset)
            if length:
                at, samples, _ = _BODY.unpack_from(data, offset + _HEAD.size)
                self._frames.append(_Frame(path, offset, length, samples, at))
                self.samples += samples
                offset += length
                continue
            after = _next_frame(data, offset + 1)
            if after < 0:
                damaged.append(f"{path.name}: the last {len(data) - offset} bytes are a torn frame that was never acknowledged")
                os.truncate(path, offset)
                break
            damaged.append(
                f"{path.name}: {after - offset} bytes at {offset} are damaged and skipped: at least one batch is lost"
            )
            offset = after
        if len(self._frames) == held:
            path.unlink()
        else:
            self._sizes[path] = path.stat().st_size
        return damaged

    def _raw(self, frame: _Frame) -> bytes:
        with frame.path.open("rb") as file:
            file.seek(frame.offset)
            return file.read(frame.length)

    def _encode(self, batch: Batch, now: int) -> bytes:
        numbers, local = np.unique(batch.point, return_inverse=True)
        ids = json.dumps([self._index.ids[number] for number in numbers.tolist()], ensure_ascii=False).encode()
        columns = (local, batch.at, batch.received, batch.value, batch.quality, batch.historical)
        raw = (np.ascontiguousarray(column, kind).tobytes() for column, kind in zip(columns, _COLUMNS, strict=True))
        body = b"".join((_BODY.pack(now, len(batch), len(ids)), ids, *raw))
        return _HEAD.pack(_MAGIC, len(body), zlib.crc32(body)) + body

    def _decode(self, body: bytes) -> Batch:
        _, size, length = _BODY.unpack_from(body)
        offset = _BODY.size + length
        numbers = np.array([self._index.add(id) for id in json.loads(body[_BODY.size : offset])], np.int32)
        columns = []
        for kind in _COLUMNS:
            columns.append(np.frombuffer(body, kind, size, offset))
            offset += size * np.dtype(kind).itemsize
        return Batch(numbers[columns[0]], *columns[1:])


def _frame_length(data: bytes, offset: int) -> int:
    """The length of the whole frame at `offset`, 0 if there is none."""
    if len(data) < offset + _HEAD.size + _BODY.size:
        return 0
    magic, length, checksum = _HEAD.unpack_from(data, offset)
    end = offset + _HEAD.size + length
    if magic != _MAGIC or length < _BODY.size or end > len(data):
        return 0
    body = memoryview(data)[offset + _HEAD.size : end]
    _, samples, ids = _BODY.unpack_from(body)
    whole = length == _BODY.size + ids + samples * _ROW
    return end - offset if whole and zlib.crc32(body) == checksum else 0


def _next_frame(data: bytes, offset: int) -> int:
    """Where the next whole frame begins, -1 if there is none."""
    while (offset := data.find(_MAGIC, offset)) >= 0:
        if _frame_length(data, offset):
            return offset
        offset += 1
    return -1


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]
