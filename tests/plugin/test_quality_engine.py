import pytest

pytestmark = pytest.mark.usefixtures("passing")


def test_the_option_reaches_the_run(asked, pytester):
    pytester.runpytest()
    pytester.runpytest("--quality-engine=dask", "--quality-cluster=tcp://host:8786")
    pytester.makeini("[pytest]\nquality_engine = dask\n")
    pytester.runpytest()
    pytester.runpytest("--quality-engine=local")
    local, cluster = ("local", None), ("dask", "tcp://host:8786")
    assert [(run.engine, run.cluster) for run in asked] == [
        local,
        cluster,
        ("dask", None),
        local,
    ]


def test_another_word_is_a_usage_error(pytester):
    assert (
        pytester.runpytest("--quality-engine=spark").ret == pytest.ExitCode.USAGE_ERROR
    )
    pytester.makeini("[pytest]\nquality_engine = spark\n")
    result = pytester.runpytest()
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(
        ["*quality_engine is 'spark'; allowed is local or dask"]
    )


def test_a_cluster_needs_its_engine(pytester):
    result = pytester.runpytest("--quality-cluster=tcp://host:8786")
    assert result.ret == pytest.ExitCode.USAGE_ERROR
    result.stderr.fnmatch_lines(["*--quality-cluster is for --quality-engine=dask"])
