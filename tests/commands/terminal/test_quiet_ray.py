import os
import sys
import threading

from diptych.commands.terminal.quiet_ray import quiet_ray


def test_what_threads_of_ray_print_and_what_goes_past_python_is_not_seen(capfd):
    said = lambda: sys.stdout.write("an actor was lost\n")  # noqa: E731
    with quiet_ray():
        sys.stdout.write("ours\n")
        assert sys.stdout.isatty() is False  # as of the stream beneath
        for name in ("ray_listen_error_messages", "another"):
            thread = threading.Thread(target=said, name=name)
            thread.start()
            thread.join()
        os.write(2, b"past Python")
    sys.stdout.write("after\n")
    out, errors = capfd.readouterr()
    assert out == "ours\nan actor was lost\nafter\n"
    assert errors == ""
