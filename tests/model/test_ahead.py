import threading

import pytest

from penchant.model.ahead import ahead


def test_same_things_in_the_same_order_made_by_another_thread() -> None:
    makers = []

    def things():
        for number in range(5):
            makers.append(threading.get_ident())
            yield number

    assert list(ahead(things())) == [0, 1, 2, 3, 4]
    assert set(makers) != {threading.get_ident()}


def test_at_most_one_is_made_ahead() -> None:
    made = []
    use = ahead(made.append(number) or number for number in range(100))
    assert next(use) == 0
    use.close()
    assert made == [0, 1]
    assert not any(thread.name.startswith("ahead") for thread in threading.enumerate())


def test_what_goes_wrong_there_goes_wrong_here() -> None:
    def things():
        yield 1
        raise ValueError("torn")

    use = ahead(things())
    assert next(use) == 1
    with pytest.raises(ValueError, match="torn"):
        next(use)
