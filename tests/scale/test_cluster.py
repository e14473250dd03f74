"""Two processes of 2 GB each, of which one is killed: the answer is the same."""

import os
import shutil
import signal
import threading
import time

from skybind import scale
from skybind.scale.adapter import table_of


def test_a_worker_is_killed(place, tmp_path):
    from distributed import Client, LocalCluster

    run = tmp_path / "run"
    shutil.copytree(place / "stars-run", run)
    planned = scale.classify(place / "hats", run, modalities=["photometry", "metadata"])
    alone = table_of(planned.compute(progress_bar=False)).combine_chunks()
    with (
        LocalCluster(
            n_workers=2, threads_per_worker=1, memory_limit="2GB", dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        places = client.run(os.getpid)
        planned = scale.classify(place / "hats", run, modalities=["photometry", "metadata"])
        shutil.rmtree(run)  # the workers have it by now
        found = []
        work = threading.Thread(target=lambda: found.append(planned.compute(progress_bar=False)))
        work.start()
        until = time.monotonic() + 60
        while not any(client.processing().values()) and time.monotonic() < until:
            time.sleep(0.01)
        busy = next(worker for worker, tasks in client.processing().items() if tasks)
        os.kill(places[busy], signal.SIGKILL)
        work.join(120)
        assert places[busy] not in client.run(os.getpid).values()
    assert table_of(found[0]).combine_chunks().equals(alone)
