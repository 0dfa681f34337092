import signal
import threading

import pytest

from keras_xor.runtime import held_interrupts


def interrupt():
    signal.raise_signal(signal.SIGINT)


def test_an_interrupt_waits_to_be_raised():
    done = []

    def steps():
        with held_interrupts() as raise_held:
            raise_held()
            interrupt()
            done.append("a step")
            raise_held()
            done.append("another")

    with pytest.raises(KeyboardInterrupt):
        steps()
    assert done == ["a step"]
    with pytest.raises(KeyboardInterrupt):
        interrupt()


def test_an_interrupt_is_raised_at_the_end():
    done = []

    def steps():
        with held_interrupts():
            interrupt()
            done.append("a step")

    with pytest.raises(KeyboardInterrupt):
        steps()
    assert done == ["a step"]


def test_a_second_interrupt_does_not_wait():
    done = []

    def steps():
        with held_interrupts():
            interrupt()
            interrupt()
            done.append("a step")

    with pytest.raises(KeyboardInterrupt):
        steps()
    assert done == []


def test_what_heeds_no_interrupt_still_does_not():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with held_interrupts() as raise_held:
            interrupt()
            raise_held()
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, before)


def test_a_thread_leaves_the_handler_of_the_process():
    seen = []

    def work():
        with held_interrupts() as raise_held:
            raise_held()
            seen.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert seen == [signal.default_int_handler]
