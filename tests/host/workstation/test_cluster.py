"""``TF_CONFIG``, as its users write it."""

from __future__ import annotations

import json

import pytest

from edge_asl.errors import TrainingError
from edge_asl.workstation.cluster import Cluster, cluster_of

TWO = ["host-a:2222", "host-b:2222"]


def config(cluster: object, kind: object = "worker", index: object = 0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


def test_two_workers():
    cluster = cluster_of(config({"worker": TWO}, index=1))
    assert cluster == Cluster(("host-a:2222", "host-b:2222"), 1)
    assert not cluster.is_chief
    assert cluster.name == "worker 1 of 2"
    assert cluster_of(config({"worker": TWO})) == Cluster(tuple(TWO), 0)


def test_a_chief_of_its_own_comes_first():
    """As Kubeflow's training operator writes it."""
    jobs = {"chief": ["chief:2222"], "worker": TWO, "ps": []}
    assert cluster_of(config(jobs, "chief")) == Cluster(("chief:2222", *TWO), 0)
    assert cluster_of(config(jobs, "worker", 1)) == Cluster(("chief:2222", *TWO), 2)


@pytest.mark.parametrize("environment", [{}, {"TF_CONFIG": ""}, {"TF_CONFIG": "{}"}, config({"worker": TWO[:1]})])
def test_one_worker_is_no_cluster(environment: dict[str, str]):
    assert cluster_of(environment) is None


@pytest.mark.parametrize(
    ("environment", "problem"),
    [
        ({"TF_CONFIG": "{"}, "cannot be read"),
        (
            {"TF_CONFIG": json.dumps({"cluster": {"worker": TWO}})},
            "cannot be read: Object missing required field `task`",
        ),
        (config({"worker": TWO}, index="0"), "cannot be read: Expected `int`, got `str` - at `$.task.index`"),
        (config({"worker": TWO, "ps": ["host-c:1"]}), "expected only chief and worker in cluster, found ps"),
        (config({"worker": TWO}, "chief"), "expected a task.type that cluster names, found 'chief'"),
        (config({"worker": TWO}, index=2), "expected a task.index from 0 to 1, found 2"),
        (config({"worker": TWO}, index=-1), "expected a task.index from 0 to 1, found -1"),
        (config({"chief": TWO, "worker": ["host-c:1"]}), "expected one chief, found 2"),
        (config({"worker": ["host-a", "host-b:2222"]}), "expected addresses such as host-a:2222, found 'host-a'"),
        (config({"worker": ["host-a:99999", "host-b:2222"]}), "expected addresses such as host-a:2222, found"),
        (config({"worker": ["host-a:2222"] * 2}), "expected a different address for each worker, found one twice"),
    ],
)
def test_what_cannot_be_used_is_one_line(environment: dict[str, str], problem: str):
    with pytest.raises(TrainingError) as caught:
        cluster_of(environment)
    assert str(caught.value).startswith(f"TF_CONFIG: {problem}")
    assert "; it should look like {" in str(caught.value)
