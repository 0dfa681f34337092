import os
import threading
import time

from keras_xor.runtime import silence


def test_threads_take_turns(capfd):
    def hold(seconds):
        with silence():
            os.write(2, b"noise")
            time.sleep(seconds)

    threads = [threading.Thread(target=hold, args=[seconds]) for seconds in (0.2, 0.4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
