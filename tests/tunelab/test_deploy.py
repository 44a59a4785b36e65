"""Manifests in ``deploy/``: pods against Kubernetes' own schema, KubeRay's fields against the shape of its API."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

DEPLOY = Path(__file__).parents[2] / "deploy"
KUBERNETES = "1.32"
TEXT, WHOLE, SWITCH, OBJECT = {"type": "string"}, {"type": "integer"}, {"type": "boolean"}, {"type": "object"}
TEXTS = {"type": "object", "additionalProperties": TEXT}


def exactly(required: list[str], **properties: Any) -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": required, "properties": properties}


# The fields of https://ray-project.github.io/kuberay/reference/api/ (ray.io/v1), the rarer ones without their insides.
GROUP = {"template": OBJECT, "rayStartParams": TEXTS, "resources": TEXTS, "labels": TEXTS}
HEAD = exactly(["template"], **GROUP, headService=OBJECT, enableIngress=SWITCH, serviceType=TEXT)
WORKERS = exactly(
    ["groupName", "template"],
    **GROUP,
    groupName=TEXT,
    replicas=WHOLE,
    minReplicas=WHOLE,
    maxReplicas=WHOLE,
    numOfHosts=WHOLE,
    idleTimeoutSeconds=WHOLE,
    scaleStrategy=OBJECT,
    suspend=SWITCH,
)
CLUSTER = exactly(
    ["headGroupSpec"],
    headGroupSpec=HEAD,
    workerGroupSpecs={"type": "array", "items": WORKERS},
    rayVersion=TEXT,
    authOptions=OBJECT,
    autoscalerOptions=OBJECT,
    enableInTreeAutoscaling=SWITCH,
    gcsFaultToleranceOptions=OBJECT,
    headServiceAnnotations=TEXTS,
    managedBy=TEXT,
    suspend=SWITCH,
)
JOB = exactly(
    ["entrypoint", "rayClusterSpec"],
    rayClusterSpec=CLUSTER,
    entrypoint=TEXT,
    activeDeadlineSeconds=WHOLE,
    backoffLimit=WHOLE,
    clusterSelector=TEXTS,
    entrypointNumCpus={"type": "number"},
    entrypointNumGpus={"type": "number"},
    entrypointResources=TEXT,
    jobId=TEXT,
    metadata=TEXTS,
    runtimeEnvYAML=TEXT,
    shutdownAfterJobFinishes=SWITCH,
    submissionMode={"enum": ["K8sJobMode", "HTTPMode", "InteractiveMode", "SidecarMode"]},
    submitterConfig=OBJECT,
    submitterPodTemplate=OBJECT,
    suspend=SWITCH,
    ttlSecondsAfterFinished=WHOLE,
)
RAY_JOB = exactly(
    ["apiVersion", "kind", "metadata", "spec"],
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=OBJECT,
    spec=JOB,
)


def documents() -> list[tuple[str, dict[str, Any]]]:
    return [
        (f"{path.name}: {document['kind']} {document['metadata']['name']}", document)
        for path in sorted(DEPLOY.rglob("*.yaml"))
        for document in yaml.safe_load_all(path.read_text(encoding="utf-8"))
    ]


@pytest.mark.parametrize("document", [pytest.param(d, id=name) for name, d in documents()])
def test_a_manifest_fits_its_schema(document: dict[str, Any]) -> None:
    kubernetes_validate = pytest.importorskip("kubernetes_validate", reason="kubernetes-validate is not installed")
    if document["kind"] != "RayJob":
        kubernetes_validate.validate(document, KUBERNETES, strict=True)
        return
    jsonschema.validate(document, RAY_JOB)
    cluster = document["spec"]["rayClusterSpec"]
    for group in (cluster["headGroupSpec"], *cluster["workerGroupSpecs"]):
        pod = {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "pod"}, "spec": group["template"]["spec"]}
        kubernetes_validate.validate(pod, KUBERNETES, strict=True)


def test_the_image_is_built_from_files_that_exist() -> None:
    root = DEPLOY.parent
    lines = (DEPLOY / "Dockerfile").read_text("utf-8").replace("\\\n", " ").splitlines()
    copied = [line.split()[1:-1] for line in lines if line.startswith("COPY ") and "--from=" not in line]
    sources = {source for words in copied for source in words}
    assert {source for source in sources if not (root / source).exists()} == set()
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert {*project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"], project["project"]["readme"]} <= sources
    known = {"FROM", "RUN", "COPY", "USER", "WORKDIR", "#", ""}
    assert {line.partition(" ")[0] for line in lines} <= known


SLURM_COMMANDS = {  # on an allocation of one node, which is this machine
    "scontrol": 'echo "$(hostname)"',
    "srun": 'while [[ $1 == -* ]]; do [[ $1 == -w ]] && shift; shift; done; exec "$@"',
}


@pytest.mark.slow
def test_the_slurm_script_sweeps_and_goes_on_when_submitted_again(tmp_path: Path) -> None:
    for name, text in SLURM_COMMANDS.items():
        path = tmp_path / "bin" / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(f"#!/bin/bash\n{text}\n")
        path.chmod(0o755)
    slurm = {"SLURM_JOB_ID": str(os.getpid()), "SLURM_JOB_NODELIST": "one", "SLURM_JOB_NUM_NODES": "1"}
    environment = {**os.environ, **slurm, "SLURM_CPUS_PER_TASK": "1", "HOME": str(tmp_path)}
    environment["PATH"] = f"{tmp_path / 'bin'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    for trials in (2, 3):
        options = ["--trials", str(trials), "--max-epochs", "2", "--name", "slurm", "--json"]
        job = subprocess.Popen(
            ["bash", DEPLOY / "slurm" / "sweep.sbatch", "wine", *options],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        lines = []
        assert job.stdout is not None
        for line in job.stdout:  # Ray's head runs until Slurm ends the job
            lines.append(line)
            if line.startswith("{"):
                break
        os.killpg(job.pid, signal.SIGKILL)
        _, errors = job.communicate()
        assert lines, errors
        found = json.loads(lines[-1])
        assert found["trials"]["finished"] + found["trials"]["stopped_early"] == trials, errors
        assert found["best"]["model_uri"]
