from __future__ import annotations

from airflow_provider_hypercarbon.carbon.decision import StartReason
from airflow_provider_hypercarbon.plugin.page.waits_view import export_view, wait_view
from airflow_provider_hypercarbon.plugin.schemas.runs import ExportRow
from tests.plugin.page.waits import CLOCK, HOUR, NOW, WHERE, decision, wait


class TestWait:
    def test_where_it_stands(self):
        """The track runs from the scheduled start to the end of the latest possible run."""
        found = wait_view(wait(decision()), CLOCK)
        assert (found.done, found.plan_left, found.plan_width, found.deadline_left) == (16.67, 50, 16.67, 83.33)
        assert found.countdown.replace("\u202f", " ") == "4 h"
        assert (found.until, found.tags, found.vms) == ("until planned start", (), "a")

    def test_the_sentence_is_the_cores(self):
        """The reason stands here as in log, REST and command line."""
        assert wait_view(wait(decision()), CLOCK).sentence == "Cleaner later."

    def test_nothing_good_enough_in_sight(self):
        """Only the deadline will start it: that is said."""
        vain = decision(start_at=NOW + 8 * HOUR, mean_at_start_gco2eq_per_kwh=None, reason=StartReason.TOO_DIRTY)
        found = wait_view(wait(vain), CLOCK)
        assert (found.until, found.tags) == ("until it starts anyway", ("deadline start",))

    def test_the_cleanest_start_may_be_the_deadline(self):
        """That is a plan, and no start for want of one."""
        assert wait_view(wait(decision(start_at=NOW + 8 * HOUR)), CLOCK).until == "until planned start"

    def test_old_and_invented_data_are_marked(self):
        """Checks that gave nothing, and a mock source."""
        found = wait_view(wait(decision(failed_checks=2, synthetic="mock")), CLOCK)
        assert found.tags == ("old data", "mock")

    def test_before_the_first_decision(self):
        """Only the deadline is known."""
        found = wait_view(wait(None, zone=None), CLOCK)
        assert found.planned_at == NOW + 8 * HOUR
        assert (found.until, found.plan_width) == ("until it starts anyway", 0)

    def test_one_of_a_mapped_task(self):
        """Its number tells it from the others."""
        assert wait_view(wait(decision(), map_index=12), CLOCK).task == "wait [12]"
        assert wait_view(wait(decision()), CLOCK).task == "wait"


class TestExport:
    def row(self, **more: object) -> ExportRow:
        empty = dict.fromkeys(
            ("hypersdk_conn_id", "status", "vm_path", "phase", "percent", "bytes_done", "bytes_total", "started_at",
             "seconds_left", "problem")
        )  # fmt: skip
        return ExportRow.model_validate({**WHERE, "state": "deferred", "job_id": "j1", **empty, **more})

    def test_size_known(self):
        """Per cent, GB of GB, and the time left."""
        found = export_view(
            self.row(vm_path="/DC0/vm/files-03", bytes_done=340e9, bytes_total=478e9, seconds_left=1740)
        )
        assert (found.name, found.amount, found.left.replace("\u202f", " ")) == (
            "files-03", "71 %, 340 of 478 GB", "about 29 min left",
        )  # fmt: skip

    def test_size_unknown(self):
        """No per cent is made up."""
        found = export_view(self.row(bytes_done=84.2e9))
        assert (found.percent, found.amount, found.left) == (None, "84.2 GB so far", "size not known yet")
