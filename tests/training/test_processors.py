"""The number of usable CPUs, from made-up /proc and /sys trees."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from rnntui import processors
from rnntui.processors import cgroup_limits, usable_cpus
from rnntui.training import device

V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNT = "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"


def tree(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


@pytest.mark.parametrize(
    ("content", "limits"),
    [
        ("150000 100000\n", [2]),
        ("100000 100000\n", [1]),
        ("1000 100000\n", [1]),
        ("200001 100000\n", [3]),
        ("max 100000\n", []),
        ("0 100000\n", []),
        ("-5 100000\n", []),
        ("100000 0\n", []),
        ("100000\n", []),
        ("", []),
        ("some words here\n", []),
        ("1e5 100000\n", []),
        ("\ufffd\n", []),
    ],
)
def test_version_2_limits_are_rounded_up_and_malformed_ones_are_none(
    tmp_path: Path, content: str, limits: list[int]
) -> None:
    root = tree(
        tmp_path,
        {"proc/self/cgroup": "0::/app\n", "proc/self/mountinfo": V2_MOUNT, "sys/fs/cgroup/app/cpu.max": content},
    )
    assert list(cgroup_limits(root)) == limits


def test_the_limit_of_every_ancestor_counts(tmp_path: Path) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "0::/slice/service/app\n",
            "proc/self/mountinfo": V2_MOUNT,
            "sys/fs/cgroup/slice/service/app/cpu.max": "800000 100000",
            "sys/fs/cgroup/slice/cpu.max": "300000 100000",
            "sys/fs/cgroup/other/cpu.max": "100000 100000",
        },
    )
    assert sorted(cgroup_limits(root)) == [3, 8]


@pytest.mark.parametrize(("quota", "limits"), [("250000\n", [3]), ("-1\n", []), ("much\n", [])])
def test_version_1_limits(tmp_path: Path, quota: str, limits: list[int]) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": "9:memory:/m\n4:cpu,cpuacct:/jobs/7\n0::/\n",
            "proc/self/mountinfo": V1_MOUNT + V2_MOUNT.replace("/sys/fs/cgroup ", "/sys/fs/cgroup/unified "),
            "sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_quota_us": quota,
            "sys/fs/cgroup/cpu,cpuacct/jobs/7/cpu.cfs_period_us": "100000\n",
        },
    )
    assert list(cgroup_limits(root)) == limits


@pytest.mark.parametrize("path", ["/docker/abc", "/../..", "/elsewhere"])
def test_in_a_container_the_mount_may_be_the_containers_own_cgroup(tmp_path: Path, path: str) -> None:
    root = tree(
        tmp_path,
        {
            "proc/self/cgroup": f"0::{path}\n",
            "proc/self/mountinfo": V2_MOUNT.replace(" / ", " /docker/abc ", 1),
            "sys/fs/cgroup/cpu.max": "200000 100000\n",
        },
    )
    assert list(cgroup_limits(root)) == [2]


@pytest.mark.parametrize("line", ["", "0\n", "0:\n", "x:y\n", "0::relative\n", "::\n", "0::/\0\n"])
@pytest.mark.parametrize("mount", ["", "-\n", "1 2 3 / - cgroup2 cgroup2 rw\n", "1 2 3 / x - cgroup2 a b\n", V2_MOUNT])
def test_malformed_lists_of_cgroups_and_mounts_are_no_limit(tmp_path: Path, line: str, mount: str) -> None:
    root = tree(tmp_path, {"proc/self/cgroup": line, "proc/self/mountinfo": mount})
    assert list(cgroup_limits(root)) == []
    assert usable_cpus(root) >= 1


def test_the_smaller_of_affinity_and_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tree(
        tmp_path,
        {"proc/self/cgroup": "0::/\n", "proc/self/mountinfo": V2_MOUNT, "sys/fs/cgroup/cpu.max": "350000 100000"},
    )
    for affinity, expected in ((1, 1), (4, 4), (64, 4)):
        monkeypatch.setattr(os, "sched_getaffinity", lambda pid, n=affinity: set(range(n)), raising=False)
        assert usable_cpus(root) == expected
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert usable_cpus(root) == 1


def test_torch_gets_no_more_threads_than_usable_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    before = torch.get_num_threads()
    monkeypatch.setattr(device, "_TORCH_THREADS", 64)
    monkeypatch.setattr(device, "usable_cpus", lambda: 2)
    try:
        device.choose_hardware("cpu", "fp32", None)
        assert torch.get_num_threads() == 2
        device.choose_hardware("cpu", "fp32", 3)  # an explicit number is kept
        assert torch.get_num_threads() == 3
    finally:
        torch.set_num_threads(before)


def test_this_machine_has_a_cpu() -> None:
    assert 1 <= processors.usable_cpus() <= (os.cpu_count() or 1)
