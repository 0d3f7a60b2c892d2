"""One thread: nothing releases what it waits for, and no time passes."""

import threading
import _thread


def no_threads(*arguments, **named):
    raise RuntimeError("a migration has one thread")


class Lock:
    """A lock of the one thread: nothing releases it while the thread waits."""

    __slots__ = ("_lock", "__weakref__")

    def __init__(self):
        self._lock = _lock()

    def acquire(self, blocking=True, timeout=-1):
        taken = self._lock.acquire(False)
        if not taken and blocking and timeout:
            raise RuntimeError("this would wait for another thread, and a migration has one")
        return taken

    def release(self):
        self._lock.release()

    def locked(self):
        return self._lock.locked()

    def __enter__(self):
        return self.acquire()

    def __exit__(self, *arguments):
        self._lock.release()

    _at_fork_reinit = __init__


_lock = _thread.allocate_lock


def replace_threads():
    threading.Lock = threading._allocate_lock = _thread.allocate_lock = _thread.allocate = Lock
    for name in ("start_new_thread", "start_new", "start_joinable_thread"):
        if hasattr(_thread, name):
            setattr(_thread, name, no_threads)
    for name in ("_start_new_thread", "_start_joinable_thread"):
        if hasattr(threading, name):
            setattr(threading, name, no_threads)


def run_without_a_selector(asyncio):
    """Tasks run one after the other, as long as one of them can: there is nothing to wait for."""

    class Nothing:
        def select(self, timeout=None):
            if timeout is None:
                raise RuntimeError("every task waits for something that never comes: a migration has no network, files or other threads")
            if timeout > 0:
                raise RuntimeError("a migration cannot sleep: its clock stands at the time of the run")
            return []

    class EventLoop(asyncio.BaseEventLoop):
        def __init__(self):
            super().__init__()
            self._selector = Nothing()

        def _process_events(self, events):
            pass

        def _write_to_self(self):
            pass

    real = asyncio.sleep

    async def sleep(delay, result=None):
        if delay > 0:
            raise RuntimeError("a migration cannot sleep: its clock stands at the time of the run")
        return await real(0, result)

    asyncio.sleep = asyncio.tasks.sleep = sleep
    asyncio.EventLoop = asyncio.SelectorEventLoop = EventLoop
    asyncio.unix_events._UnixDefaultEventLoopPolicy._loop_factory = EventLoop
