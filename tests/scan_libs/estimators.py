"""scikit-learn: every estimator of every family, fitted on tiny data, pickled and dumped with joblib."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.scan_libs.made import Made, dump

COMPRESSIONS: tuple[Any, ...] = (0, 3, ("zlib", 3), ("gzip", 3), ("bz2", 3), ("lzma", 3), ("xz", 3))
ENDINGS = ("joblib", "joblib", "joblib.z", "joblib.gz", "joblib.bz2", "joblib.lzma", "joblib.xz")
SKIPPED = {"ClassifierChain", "RegressorChain"}


def _data() -> tuple[Any, Any, Any]:
    random = import_module("numpy").random.RandomState(0)
    values = abs(random.randn(40, 4)) + 0.1
    return values, (values[:, 0] > values[:, 1]).astype(int), values[:, 0] * 2 + values[:, 1]


def _arguments(name: str) -> dict[str, Any]:
    """Return what the constructor of an estimator that has no defaults wants."""
    linear = import_module("sklearn.linear_model")
    logistic, ridge = linear.LogisticRegression(), linear.Ridge()
    trees = import_module("sklearn.tree")
    pairs = [("a", logistic), ("b", trees.DecisionTreeClassifier(max_depth=2))]
    if name in {"VotingClassifier", "StackingClassifier"}:
        return {"estimators": pairs}
    if name in {"VotingRegressor", "StackingRegressor"}:
        return {"estimators": [("a", ridge), ("b", trees.DecisionTreeRegressor(max_depth=2))]}
    if name == "ColumnTransformer":
        return {"transformers": [("s", import_module("sklearn.preprocessing").StandardScaler(), [0, 1])]}
    if name == "FeatureUnion":
        return {"transformer_list": [("s", import_module("sklearn.preprocessing").StandardScaler())]}
    if name == "Pipeline":
        return {"steps": [("s", import_module("sklearn.preprocessing").StandardScaler()), ("m", logistic)]}
    if name in {"GridSearchCV", "HalvingGridSearchCV"}:
        return {"estimator": logistic, "param_grid": {"C": [0.1, 1.0]}}
    if name in {"RandomizedSearchCV", "HalvingRandomSearchCV"}:
        uniform = import_module("scipy.stats").uniform
        return {"estimator": logistic, "param_distributions": {"C": uniform(0.1, 1.0)}}
    if name == "SparseCoder":
        return {"dictionary": import_module("numpy").eye(4)}
    if name in {"MultiOutputRegressor", "TransformedTargetRegressor", "RANSACRegressor"}:
        return {"estimator": ridge} if name != "TransformedTargetRegressor" else {"regressor": ridge}
    return {"estimator": logistic}


def _make(name: str, cls: Any) -> Any:
    try:
        return cls()
    except TypeError:
        return cls(**_arguments(name))


def fitted(name: str, cls: Any) -> Any:
    """Return an estimator fitted on whichever of a few data sets it takes; unfitted if it takes none."""
    values, labels, target = _data()
    texts = ["system eval import os", "model weights", "a plain text", "exec open file"] * 10
    for arguments in ((values, labels), (values, target), (values,), (values, values[:, :2] > 1), (texts,), (target, labels)):
        one = _make(name, cls)
        try:
            return one.fit(*arguments)
        except Exception:  # noqa: BLE001 - the next data set may fit
            continue
    return _make(name, cls)


def _pickled(make: Callable[[], Any], protocol: int) -> Callable[[Path], None]:
    return lambda path: dump(make(), path, protocol)


def _joblib(make: Callable[[], Any], compress: Any) -> Callable[[Path], object]:
    return lambda path: import_module("joblib").dump(make(), path, compress=compress)


def files() -> Iterator[Made]:
    """Yield two files of every estimator: a pickle, protocols in turn, and a joblib dump, compressions in turn."""
    for module in ("enable_halving_search_cv", "enable_iterative_imputer"):
        import_module(f"sklearn.experimental.{module}")
    for number, (name, cls) in enumerate(import_module("sklearn.utils").all_estimators()):
        kept: list[Any] = []

        def make(name: str = name, cls: Any = cls, kept: list[Any] = kept) -> Any:
            if not kept:
                kept.append(fitted(name, cls))
            return kept[0]

        if name in SKIPPED:
            continue
        yield f"sklearn/{name}.pkl", _pickled(make, 2 + number % 4)
        turn = number % len(COMPRESSIONS)
        yield f"joblib/{name}.{ENDINGS[turn]}", _joblib(make, COMPRESSIONS[turn])
    yield from _extras()


def _extras() -> Iterator[Made]:
    np = import_module("numpy")
    metrics = import_module("sklearn.metrics")
    kernels = import_module("sklearn.gaussian_process.kernels")
    functions = import_module("sklearn.preprocessing").FunctionTransformer
    special: dict[str, Callable[[], Any]] = {
        "scorer": lambda: metrics.make_scorer(metrics.f1_score, average="macro"),
        "kernels": lambda: kernels.RBF() + kernels.WhiteKernel() * kernels.Matern(),
        "log1p": lambda: functions(np.log1p, inverse_func=np.expm1),
        "bunch": lambda: import_module("sklearn.datasets").load_iris(),
        "memory": lambda: import_module("sklearn.pipeline").Pipeline([("s", functions())], memory=None),
        "folds": lambda: import_module("sklearn.model_selection").StratifiedKFold(3, shuffle=True, random_state=1),
        "distance": lambda: import_module("sklearn.neighbors").BallTree(_data()[0]),
        "kdtree": lambda: import_module("sklearn.neighbors").KDTree(_data()[0], metric="manhattan"),
        "hashing": lambda: import_module("sklearn.feature_extraction.text").HashingVectorizer(n_features=16),
    }
    for name, make in special.items():
        yield f"sklearn/x-{name}.pkl", _pickled(make, 4)
        yield f"sklearn/x-{name}-old.pkl", _pickled(make, 2)
        yield f"joblib/x-{name}.joblib", _joblib(make, 0)
