"""The trace plot shows what the traces say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from genem.em import fit
from tests.reference.em_models import GaussianMeans, MissingFlipsCoin

pytest.importorskip("matplotlib")
from genem.em.plots import plot_trace

CLUSTERS = np.concatenate([np.linspace(-6, -5, 30), np.linspace(-0.5, 0.5, 30), np.linspace(6, 7, 30)])
MODEL = GaussianMeans(CLUSTERS, np.array([0.5, 0.5]), variance=1.0)
STARTS = [np.array([-5.5, 3.0]), np.array([-3.0, 6.5])]


def test_every_start_is_a_line_that_ends_where_it_ended() -> None:
    result = fit(MODEL, start=STARTS, trace=True, accelerate=False)
    axes = plot_trace(result)
    lines = [line for line in axes.lines if line.get_linestyle() == "-"]
    assert len(lines) == 2
    worse, best = lines
    np.testing.assert_array_equal(best.get_xdata(), result.runs[1].trace.n_maps)
    gap = result.runs[1].objective - result.runs[0].objective
    assert worse.get_ydata()[-1] == pytest.approx(gap)
    assert axes.get_yscale() == "log"
    assert axes.get_title() == result.verdict
    assert f"converged\n{result.n_maps} maps" in [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("ending", ["png", "svg", "pdf"])
def test_several_fits_in_one_picture(tmp_path: Path, ending: str) -> None:
    coin = MissingFlipsCoin(37, 23, 4000)
    fits = {name: fit(coin, start=0.1, accelerate=name == "SQUAREM", trace=True) for name in ("plain", "SQUAREM")}
    picture = tmp_path / f"trace.{ending}"
    axes = plot_trace(fits, picture)
    assert picture.stat().st_size > 1000
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["plain", "SQUAREM", "SQUAREM step"]
    assert axes.get_xscale() == "log"


def test_several_fits_are_compared_with_the_best_of_all() -> None:
    good, poor = (fit(MODEL, start=start, trace=True, accelerate=False) for start in (STARTS[1], STARTS[0]))
    lines = plot_trace({"good": good, "poor": poor}).lines
    (drawn,) = (line for line in lines if line.get_label() == "poor")
    assert drawn.get_ydata()[-1] == pytest.approx(good.objective - poor.objective)


def test_axes_of_ones_own() -> None:
    from matplotlib.figure import Figure

    mine = Figure().add_subplot()
    assert plot_trace(fit(MODEL, start=STARTS, trace=True), axes=mine) is mine


def test_what_was_not_traced_cannot_be_drawn() -> None:
    with pytest.raises(ValueError, match="fit with trace=True"):
        plot_trace(fit(MODEL, start=STARTS))


def test_nothing_finite_cannot_be_drawn() -> None:
    broken = GaussianMeans(CLUSTERS, np.array([0.5, 0.5]), variance=np.nan)
    with pytest.raises(ValueError, match="nothing to draw"):
        plot_trace(fit(broken, start=STARTS, trace=True))
