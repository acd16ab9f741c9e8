"""The scattered popgen workflow under a real Slurm: its own controller and node daemon, all state in one folder."""

from __future__ import annotations

import os
import secrets
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.workflows.popgen_runs import HAPMAP, configure, run

pytestmark = pytest.mark.slow
pytest.importorskip("snakemake_executor_plugin_slurm", reason="the Slurm plugin of Snakemake is not installed")

Environment = dict[str, str]
DAEMONS = ("munged", "slurmctld", "slurmd")
CLIENTS = ("sbatch", "srun", "squeue", "sinfo")
SEARCH = os.pathsep.join([os.environ["PATH"], "/usr/sbin", "/sbin"])
START_SECONDS = 60

CONFIG = """\
ClusterName=genemtest
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
AuthType=auth/munge
AuthInfo=socket={folder}/munge/munge.socket
CredType=cred/munge
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
AccountingStorageType=accounting_storage/none
SchedulerType=sched/backfill
SchedulerParameters=sched_interval=1,bf_interval=1
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
MpiDefault=none
ReturnToService=2
MinJobAge=600
KillWait=5
MailProg=/bin/true
DefMemPerCPU=200
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory={memory} State=UNKNOWN
PartitionName=test Nodes={host} Default=YES MaxTime=60 State=UP
"""


def daemon(name: str) -> str:
    path = shutil.which(name, path=SEARCH)
    assert path is not None
    return path


def free_ports(number: int) -> list[int]:
    """Loopback ports that nobody listens on."""
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(number)]
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]


def wait_until(met: str, condition: object) -> None:
    """Wait until ``condition()`` is true; ``met`` says what is waited for."""
    assert callable(condition)
    deadline = time.monotonic() + START_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"{met}: not within {START_SECONDS} s"
        time.sleep(0.2)


@contextmanager
def running(*command: str, log: Path, environment: Environment) -> Iterator[None]:
    """A daemon in the foreground, as a child of the test; ended by its own handle."""
    with log.open("wb") as stream:
        child = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
    try:
        yield
        assert child.poll() is None, f"{command[0]} ended by itself: {log.read_text()}"
    finally:
        child.terminate()
        child.wait()


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory, genem_environment: Environment) -> Iterator[Environment]:
    """The environment in which ``sbatch`` and ``squeue`` speak to a Slurm of our own."""
    absent = [
        name for name in (*DAEMONS, "sbatch", "squeue", "srun", "sinfo") if shutil.which(name, path=SEARCH) is None
    ]
    if absent:
        pytest.skip(f"Slurm is not installed: no {', '.join(absent)}")
    folder = tmp_path_factory.mktemp("slurm")
    for part in ("munge", "state", "spool", "bin"):
        (folder / part).mkdir()
    for each in (folder, folder / "munge"):
        each.chmod(0o755)
    key = folder / "munge" / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    config = folder / "slurm.conf"
    config.write_text(
        CONFIG.format(
            host=socket.gethostname().split(".")[0],
            user="root" if os.geteuid() == 0 else os.environ["USER"],
            ports=free_ports(2),
            folder=folder,
            cpus=os.cpu_count(),
            memory=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") * 9 // 10 // 2**20,
        )
    )
    # The plugin clears SLURM_CONF inside the job; this srun puts it back.
    srun = folder / "bin" / "srun"
    srun.write_text(f'#!/bin/sh\nSLURM_CONF="{config}" exec {shutil.which("srun")} "$@"\n')
    srun.chmod(0o755)
    path = os.pathsep.join([str(folder / "bin"), genem_environment["PATH"]])
    environment = {**genem_environment, "PATH": path, "SLURM_CONF": str(config)}

    munge = folder / "munge"
    forced = ["--force"] if os.geteuid() == 0 else []
    files = [f"--{kind}={munge}/{name}" for kind, name in (
        ("key-file", "munge.key"), ("socket", "munge.socket"), ("pid-file", "munged.pid"),
        ("log-file", "munged.log"), ("seed-file", "munged.seed"),
    )]  # fmt: skip
    with ExitStack() as daemons:

        def start(*command: str) -> None:
            log = folder / f"{Path(command[0]).name}.out"
            daemons.enter_context(running(*command, log=log, environment=environment))

        start(daemon("munged"), "--foreground", *forced, *files)
        wait_until("munge socket", (munge / "munge.socket").exists)
        start(daemon("slurmctld"), "-D")
        start(daemon("slurmd"), "-D")
        wait_until("node idle", lambda: ask(environment, "sinfo", "-h", "-o", "%T").strip() == "idle")
        yield environment


def ask(environment: Environment, *command: str) -> str:
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False).stdout


def test_the_scattered_workflow_runs_under_slurm(
    slurm: Environment, tmp_path: Path, genem_environment: Environment
) -> None:
    table = "results/hapmap/freq.tsv.gz"
    local = configure(tmp_path / "local")
    done = run(local, genem_environment, "--cores", "2", table)
    assert done.returncode == 0, done.stdout

    cluster = configure(tmp_path / "cluster", HAPMAP)
    done = run(
        cluster,
        slurm,
        *["--executor", "slurm", "--jobs", "4", "--scheduler", "greedy", "--latency-wait", "5"],
        *["--default-resources", "slurm_partition=test", "mem_mb=100", "runtime=5"],
        *["--set-resources", "freq_piece:mem_mb=1000", "freq_piece:runtime=5"],
        *["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "10"],
        *["--seconds-between-status-checks", "5", "--slurm-no-account"],
        table,
    )
    jobs = [line.split(maxsplit=1) for line in ask(slurm, "squeue", "--states=all", "-h", "-o", "%i %T").splitlines()]
    assert done.returncode == 0, done.stdout
    assert len(jobs) == 1 + 1 + 3 + 1, jobs  # warm, regions, three pieces, gather
    assert {state for _, state in jobs} == {"COMPLETED"}
    assert (cluster / table).read_bytes() == (local / table).read_bytes()
