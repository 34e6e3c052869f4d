import math

import pytest
import torch
from torch import nn

from hwrts.errors import HwrtsError
from hwrts.training.fit import Schedule, Teacher, Training, fit, luma_loss


@pytest.mark.parametrize(
    ("steps", "step", "rate"),
    [
        (100, 0, 0.1),  # a tenth of the peak, rising over ten steps
        (100, 4, 0.5),
        (100, 9, 1.0),
        (100, 10, 1.0),  # the cosine starts at its top
        (100, 55, 0.505),  # half way down: the mean of 1 and 1/100
        (100, 99, 0.01 + 0.99 * (1 + math.cos(math.pi * 89 / 90)) / 2),
        (1, 0, 1.0),
        (2, 0, 1.0),
        (2, 1, 1.0),
        (9, 0, 1.0),
    ],
)
def test_one_cycle(steps, step, rate):
    assert Schedule(1.0, steps).rate(step) == pytest.approx(rate, rel=1e-12)  # a cosine in float64
    assert Schedule(2e-3, steps).rate(step) == pytest.approx(2e-3 * rate, rel=1e-12)


def test_one_cycle_is_largest_once_and_ends_low():
    rates = [Schedule(1.0, 200).rate(step) for step in range(200)]
    assert max(rates) == 1.0
    assert rates[:20] == sorted(rates[:20])
    assert rates[20:] == sorted(rates[20:], reverse=True)
    assert 0.01 <= rates[-1] < 0.011


def test_constant():
    assert {Schedule(3.0, 50, "constant").rate(step) for step in (0, 1, 25, 49)} == {3.0}


def _line(slope: float):
    x = torch.linspace(0, 1, 16).reshape(1, 1, 4, 4)
    return lambda step: (x, slope * x)


def test_fits_a_line_and_tells_each_step():
    model = nn.Conv2d(1, 1, 1)
    told: list[tuple[int, float]] = []
    training = Training.start(model)
    fit(training, model, _line(2.0), Schedule(0.1, 200), lambda step, loss: told.append((step, loss)))
    assert [step for step, _ in told] == list(range(1, 201))
    assert told[-1][1] < 1e-4 < told[0][1]
    assert training.step == 200
    assert model.weight.item() == pytest.approx(2.0, abs=0.05)  # where 200 steps of Adam stop


@pytest.mark.parametrize(("share", "slope"), [(0.0, 2.0), (0.25, 2.5), (0.5, 3.0), (1.0, 4.0)])
def test_a_teacher_is_listened_to_by_its_share(share, slope):
    """Of two squared distances the least sum is between target and teacher, by their shares."""
    model = nn.Conv2d(1, 1, 1)
    told: list[float] = []

    def forward(x):
        assert not torch.is_grad_enabled()
        return 4.0 * x

    teacher = Teacher(forward, share)
    steps = Schedule(0.1, 600)
    fit(Training.start(model), model, _line(2.0), steps, lambda n, v: told.append(v), teacher=teacher)
    assert model.weight.item() == pytest.approx(slope, abs=0.05)  # where 600 steps of Adam stop
    x = torch.linspace(0, 1, 16)
    expected = float(((slope - 2.0) * x).square().mean())  # what is told is the distance from the target
    assert told[-1] == pytest.approx(expected, abs=0.03)


def test_a_teacher_and_another_loss():
    """The mean absolute error of Y of both: between target and teacher all are as near, beyond none is."""
    model = nn.Conv2d(3, 3, 1)
    x = torch.full((1, 3, 2, 2), 0.5)
    teacher = Teacher(lambda x: x * 0 + 0.8, 0.75)
    loss = teacher.loss(luma_loss, x, x, x * 0 + 0.2)
    expected = 0.25 * luma_loss(x, x * 0 + 0.2) + 0.75 * luma_loss(x, x * 0 + 0.8)
    assert float(loss) == pytest.approx(float(expected), rel=1e-6)
    fit(
        Training.start(model), model, lambda n: (x, x * 0 + 0.2), Schedule(0.02, 400), lambda n, v: None,
        loss=luma_loss, teacher=teacher,
    )  # fmt: skip
    y = (model(x) * torch.tensor([0.299, 0.587, 0.114])[:, None, None]).sum(1).mean().item()
    assert y == pytest.approx(0.8, abs=0.02)  # three quarters of the weight pull it there


def test_another_loss_is_minimised_and_the_squared_error_told():
    """Y of the output meets that of the target; red and blue alone, which luma can't tell apart, do not."""
    model = nn.Conv2d(3, 3, 1)
    x = torch.rand(1, 3, 6, 6)
    target = x.flip(1)
    told: list[float] = []
    fit(
        Training.start(model), model, lambda step: (x, target), Schedule(0.05, 300),
        lambda step, error: told.append(error), loss=luma_loss,
    )  # fmt: skip
    with torch.no_grad():
        assert float(luma_loss(model(x), target)) < 0.01
        assert told[-1] == pytest.approx(float((model(x) - target).square().mean()), rel=0.2)
    assert told[-1] > 1e-3
    one = torch.zeros(1, 3, 1, 1)
    assert float(luma_loss(one + 1, one)) == pytest.approx(219 / 255)
    red = torch.tensor([1.0, 0, 0])[None, :, None, None]
    assert float(luma_loss(one - red, one)) == pytest.approx(65.481 / 255)


def test_rates_come_from_the_schedule():
    model = nn.Conv2d(1, 1, 1)
    training = Training.start(model)
    schedule = Schedule(0.1, 30)
    used = []
    fit(
        training,
        model,
        _line(2.0),
        schedule,
        lambda n, loss: used.append(training.optimizer.param_groups[0]["lr"]),
    )
    assert used == [schedule.rate(step) for step in range(30)]


def test_a_finished_training_takes_no_step():
    model = nn.Conv2d(1, 1, 1)
    training = Training.start(model)
    training.step = 5
    fit(training, model, _line(2.0), Schedule(0.1, 5), lambda n, loss: pytest.fail("took a step"))


def test_a_diverged_training_stops():
    model = nn.Conv2d(1, 1, 1)
    with pytest.raises(HwrtsError, match="the loss is nan at step 1; lower the learning rate"):
        fit(Training.start(model), model, _line(math.nan), Schedule(0.1, 5), lambda n, loss: None)


def test_a_stop_half_way_changes_nothing():
    ends = []
    for stops in ([20], [7, 20]):
        torch.manual_seed(3)
        model = nn.Conv2d(1, 1, 3, padding=1)
        training = Training.start(model)
        for stop in stops:

            def stopping(done: int, loss: float, stop: int = stop) -> None:
                if done == stop:
                    raise KeyboardInterrupt

            with pytest.raises(KeyboardInterrupt):
                fit(training, model, _line(2.0), Schedule(0.1, 40), stopping)
        ends.append(model.weight.detach().clone())
    assert torch.equal(ends[0], ends[1])
