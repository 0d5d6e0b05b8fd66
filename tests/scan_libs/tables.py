"""pandas, statsmodels, networkx, nltk, gensim: values that are kept as pickles beside models."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib import import_module
from typing import Any

from tests.scan_libs.made import Made, pickled


def _pandas() -> dict[str, Any]:
    pd = import_module("pandas")
    days = pd.date_range("2020-01-01", periods=3)
    frame = pd.DataFrame({"a": [1, 2, 3], "b": ["x", "y", None], "c": [1.5, None, 2.0]})
    return {
        "frame": frame,
        "typed": pd.DataFrame(
            {"c": pd.Categorical(["a", "b"]), "s": pd.array(["x", None], dtype="string"), "i": pd.array([1, None], "Int64")}
        ),
        "dated": pd.DataFrame({"v": [1, 2, 3]}, index=days),
        "zoned": pd.Series([1, 2, 3], index=days.tz_localize("Europe/Paris")),
        "multi": pd.DataFrame({"v": [1, 2]}, index=pd.MultiIndex.from_tuples([("a", 1), ("b", 2)])),
        "periods": pd.period_range("2020-01", periods=3, freq="M"),
        "intervals": pd.interval_range(0, 3),
        "deltas": pd.to_timedelta(["1D", "2h"]),
        "sparse": pd.Series(pd.arrays.SparseArray([0, 0, 1])),
        "series": pd.Series([1.0, 2.0], name="s"),
        "range": pd.RangeIndex(5),
        "boolean": pd.array([True, None], "boolean"),
        **_pandas_values(pd),
    }


def _pandas_values(pd: Any) -> dict[str, Any]:
    return {
        "scalars": [
            pd.Timestamp("2020-01-01"),
            pd.Timestamp("2020-01-01", tz="UTC"),
            pd.Timedelta(1),
            pd.Period("2020"),
            pd.NaT,
            pd.NA,
        ],
        "offsets": [
            pd.offsets.MonthEnd(),
            pd.offsets.BDay(2),
            pd.DateOffset(months=1),
            pd.Interval(0, 1),
            pd.offsets.Week(weekday=1),
        ],
        "dtypes": [
            pd.CategoricalDtype(["a"]),
            pd.Int64Dtype(),
            pd.StringDtype(),
            pd.DatetimeTZDtype("ns", "UTC"),
            pd.PeriodDtype("M"),
        ],
    }


def _statistics() -> dict[str, Any]:
    np = import_module("numpy")
    api = import_module("statsmodels.api")
    values = np.random.RandomState(0).rand(30, 2)
    target = values @ [1.0, 2.0] + 0.1
    arima = import_module("statsmodels.tsa.arima.model").ARIMA(target, order=(1, 0, 0)).fit()
    return {
        "ols": api.OLS(target, api.add_constant(values)).fit(),
        "logit": api.Logit((target > target.mean()).astype(int), values).fit(disp=0),
        "glm": api.GLM(target, values).fit(),
        "arima": arima,
    }


def _graphs() -> dict[str, Any]:
    nx = import_module("networkx")
    return {"graph": nx.path_graph(4), "directed": nx.DiGraph([(1, 2)]), "multi": nx.MultiDiGraph([(1, 2), (1, 2)])}


def _language() -> dict[str, Any]:
    nltk = import_module("nltk")
    words = ["the", "cat", "sat", "on", "the", "mat"]
    tagger = nltk.UnigramTagger([[("the", "DT"), ("cat", "NN")]], backoff=nltk.DefaultTagger("NN"))
    model = import_module("nltk.lm").MLE(2)
    train, vocabulary = import_module("nltk.lm.preprocessing").padded_everygram_pipeline(2, [words])
    model.fit(train, vocabulary)
    return {
        "frequencies": nltk.FreqDist(words),
        "tagger": tagger,
        "bayes": nltk.NaiveBayesClassifier.train([({"a": 1}, "x"), ({"a": 0}, "y")]),
        "language-model": model,
        "conditional": nltk.ConditionalFreqDist([("a", "b")]),
        "tree": nltk.Tree.fromstring("(S (NP a) (VP b))"),
        "stemmer": nltk.stem.SnowballStemmer("english"),
        "punkt": nltk.tokenize.punkt.PunktSentenceTokenizer(),
    }


def _topics() -> dict[str, Any]:
    texts = [["human", "machine", "interface"], ["graph", "trees", "machine"]] * 5
    corpora = import_module("gensim.corpora")
    models = import_module("gensim.models")
    dictionary = corpora.Dictionary(texts)
    bags = [dictionary.doc2bow(text) for text in texts]
    return {
        "dictionary": dictionary,
        "word2vec": models.Word2Vec(texts, vector_size=8, min_count=1, workers=1),
        "doc2vec": models.Doc2Vec(
            [models.doc2vec.TaggedDocument(text, [i]) for i, text in enumerate(texts)], vector_size=4, min_count=1
        ),
        "fasttext": models.FastText(texts, vector_size=8, min_count=1, workers=1, bucket=50),
        "tfidf": models.TfidfModel(bags),
        "lda": models.LdaModel(bags, num_topics=2, id2word=dictionary),
        "lsi": models.LsiModel(bags, num_topics=2, id2word=dictionary),
        "phrases": models.Phrases(texts),
    }


def _trees() -> dict[str, Any]:
    omega = import_module("omegaconf").OmegaConf
    image = import_module("PIL.Image").new("RGB", (4, 4))
    return {"omegaconf": omega.create({"a": {"b": [1, 2]}, "c": "${a.b}"}), "image": image}


def files() -> Iterator[Made]:
    """Yield two pickles of each value, protocols 2 and 5."""
    groups: dict[str, Callable[[], dict[str, Any]]] = {
        "pandas": _pandas,
        "statsmodels": _statistics,
        "networkx": _graphs,
        "nltk": _language,
        "gensim": _topics,
        "configs": _trees,
    }
    for group, make in groups.items():
        try:
            values = make()
        except Exception as error:  # noqa: BLE001 - a missing library or data set leaves its group out
            print(f"not made: {group}: {type(error).__name__}: {error}", flush=True)
            continue
        for name, value in values.items():
            for protocol in (2, 5):
                yield f"{group}/{name}-p{protocol}.pkl", pickled(value, protocol)
