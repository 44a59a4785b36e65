"""Manifests in ``deploy/``: pods against Kubernetes' own schema, KubeRay's fields against the shape of its API."""

from __future__ import annotations

import subprocess
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


def test_the_slurm_script_is_valid_bash() -> None:
    script = DEPLOY / "slurm" / "sweep.sbatch"
    assert subprocess.run(["bash", "-n", script], capture_output=True, check=False).returncode == 0
