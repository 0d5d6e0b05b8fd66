"""XGBoost and LightGBM: native model files, pickles and joblib dumps of their scikit-learn estimators."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import Any

from tests.scan_libs.made import Made, first, last, pickled


def _data() -> tuple[Any, Any, Any]:
    values = import_module("numpy").random.RandomState(0).rand(60, 4)
    return values, (values[:, 0] > values[:, 1]).astype(int), values[:, 0] * 2


def _estimators() -> Iterator[tuple[str, Any]]:
    values, labels, target = _data()
    groups = [target.size // 2] * 2
    for name in ("xgboost", "lightgbm"):
        try:
            library = import_module(name)
        except ImportError as error:
            print(f"not installed: {name}: {error}", flush=True)
            continue
        short, quiet = ("XGB", {"n_jobs": 1}) if name == "xgboost" else ("LGBM", {"n_jobs": 1, "verbose": -1})
        yield f"{name}/classifier", getattr(library, f"{short}Classifier")(n_estimators=3, **quiet).fit(values, labels)
        yield f"{name}/regressor", getattr(library, f"{short}Regressor")(n_estimators=3, **quiet).fit(values, target)
        yield f"{name}/ranker", getattr(library, f"{short}Ranker")(n_estimators=3, **quiet).fit(values, labels, group=groups)


def files() -> Iterator[Made]:
    """Yield the files."""
    joblib = import_module("joblib")
    for name, one in _estimators():
        booster = one.get_booster() if name.startswith("xgboost") else one.booster_
        yield f"{name}.pkl", pickled(one, 4)
        yield f"{name}-p2.pkl", pickled(one, 2)
        yield f"{name}.joblib", last(joblib.dump, one, compress=3)
        yield f"{name}-booster.pkl", pickled(booster)
        if name.startswith("xgboost"):
            yield f"{name}.json", first(booster.save_model)
            yield f"{name}.ubj", first(booster.save_model)
        else:
            yield f"{name}.txt", first(booster.save_model)
