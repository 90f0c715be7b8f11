"""Run what may wait for long in a thread, so that keys and Ctrl-C are obeyed meanwhile."""

import queue
import threading

from plumbing.faults import LEFT

END = object()


def run_ahead(items, seconds):
    """Yield what a generator yields that runs in a thread, one item ahead.

    Yields None after so many seconds without an item, again and again. Raises what the generator
    raises. When this one is closed, the thread ends at its next item: it is not waited for.
    """
    waiting, closed = queue.Queue(1), threading.Event()
    thread = threading.Thread(target=work, args=(items, waiting, closed), daemon=True)
    LEFT.append(thread)
    thread.start()
    try:
        while True:
            try:
                item = waiting.get(timeout=seconds)
            except queue.Empty:
                yield None
                continue
            if item is END:
                return
            if isinstance(item, Exception):
                raise item
            yield item
    finally:
        closed.set()
        thread.join(0.2)


def work(items, waiting, closed):
    """Put a generator's items, its exception or END into a queue, until `closed` is set."""

    def put(item):
        while not closed.is_set():
            try:
                return waiting.put(item, timeout=0.1)
            except queue.Full:
                continue
        return None

    try:
        for item in items:
            put(item)
            if closed.is_set():
                break
        put(END)
    except Exception as error:
        put(error)
    finally:
        items.close()
