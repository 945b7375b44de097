"""Send a job to the cleanest of several sites."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.standard.operators.branch import BaseBranchOperator
from airflow.sdk import timezone

from airflow_provider_hypercarbon import configuration
from airflow_provider_hypercarbon.exceptions import ConfigurationError, HyperCarbonError
from airflow_provider_hypercarbon.rendered import given, is_template
from airflow_provider_hypercarbon.task_failure import task_failure

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_hypercarbon.carbon.policy import StartPolicy
    from airflow_provider_hypercarbon.carbon.sites import SiteChoice
    from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

#: Key of the XCom with the choice, its reason and what was compared.
SITE_KEY = "site"
#: A deadline that has come is not decided about: starts within a minute of now are "now".
_NOW = timedelta(minutes=1)


class CleanestSiteOperator(BaseBranchOperator):
    """
    Run the one of several tasks whose site has the cleanest grid, and skip the others.

    Put it where a job can run at more than one site: a replica, a second proxy, a repository elsewhere. For each
    site's grid it makes the decision that :class:`CarbonIntensitySensor` would make, and compares the expected means
    of their best starts. The first site stays the choice unless another is cleaner by ``min_saving``, and when
    nothing is known of any grid. Sites whose sources count other emissions are not compared; the log says so. It does
    not wait: put a sensor behind it, with the same ``max_delay``, when the job may.

    The choice, its reason and all means are the XCom ``site``; ``decision`` in it is what a report takes.

    :param zones: zone keys, in the order of ``task_ids``; or a mapping of task ids to zone keys, in the order of
        preference. (templated)
    :param task_ids: the tasks, or task groups, that run at the sites; none when ``zones`` is a mapping.
    :param duration: how long the job is expected to run, as timedelta, ``"2h"`` or seconds. (templated)
    :param max_delay: compare the best starts within this span; none compares starting now. (templated)
    :param min_saving: stay with the first site for less than this fraction.
    :param wait_on_modelled: compare zones without measured data, too.
    :param carbon_conn_id: Airflow connection of type ``hypercarbon``. (templated)
    """

    template_fields: Sequence[str] = ("zones", "duration", "max_delay", "carbon_conn_id")
    ui_color = "#cfe8b0"

    def __init__(
        self,
        *,
        zones: Sequence[str] | Mapping[str, str],
        task_ids: Sequence[str] | None = None,
        duration: timedelta | float | str = timedelta(hours=2),
        max_delay: timedelta | float | str | None = None,
        min_saving: float = 0.01,
        wait_on_modelled: bool = False,
        carbon_conn_id: str = "hypercarbon_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.zones = zones
        self.task_ids = task_ids
        self.duration = duration
        self.max_delay = max_delay
        self.min_saving = min_saving
        self.wait_on_modelled = wait_on_modelled
        self.carbon_conn_id = carbon_conn_id
        self._refuse_what_cannot_work()

    def choose_branch(self, context: Context) -> str:
        try:
            choice = self._choose(context)
        except HyperCarbonError as error:
            raise task_failure(error) from error
        if isinstance(choice, str):
            return choice
        self.log.info(choice.sentence)
        for site in choice.sites:
            if site.not_compared:
                self.log.warning("%s is not compared: %s", site.zone, site.not_compared)
        context["ti"].xcom_push(key=SITE_KEY, value=choice.model_dump(mode="json"))
        return choice.task_id

    @property
    def hook(self) -> CarbonHook:
        from airflow_provider_hypercarbon.hooks.carbon import CarbonHook

        return CarbonHook(self.carbon_conn_id)

    def _choose(self, context: Context) -> SiteChoice | str:
        from airflow_provider_hypercarbon.carbon.policy import RunOverrides, StartWindow
        from airflow_provider_hypercarbon.carbon.sites import choose_site
        from airflow_provider_hypercarbon.sources.planning import plan_start

        sites, now = self._sites(), timezone.utcnow()
        overrides = RunOverrides.from_conf(context["dag_run"].conf)
        if not (overrides.carbon_aware and configuration.enabled()):
            self.log.info("Going to %s, the first site, without looking at any grid.", sites[0][1])
            return sites[0][0]
        policy, source = self._policy(overrides.carbon_max_delay), self.hook.get_conn()
        window = StartWindow.opening(now, policy.max_delay)
        decided = {zone: plan_start(source, zone, policy, window, now=now) for _, zone in sites}
        return choose_site([(task_id, decided[zone]) for task_id, zone in sites], min_saving=self.min_saving)

    def _policy(self, override: timedelta | None) -> StartPolicy:
        from pydantic import ValidationError

        from airflow_provider_hypercarbon.carbon.instants import parse_span
        from airflow_provider_hypercarbon.carbon.policy import StartPolicy, what_is_wrong

        try:
            delay = parse_span(given(override, self.max_delay, timedelta(0)))
            return StartPolicy.model_validate(
                {
                    "duration": given(self.duration, timedelta(hours=2)),
                    "max_delay": max(delay, _NOW),
                    "wait_on_modelled": self.wait_on_modelled,
                }
            )
        except (ValidationError, ValueError) as error:
            why = what_is_wrong(error) if isinstance(error, ValidationError) else error
            raise ConfigurationError(f"Task {self.task_id}: {why}") from None

    def _sites(self) -> list[tuple[str, str]]:
        """Return task ids with their zones, in the order of preference."""
        if isinstance(self.zones, Mapping):
            return list(self.zones.items())
        return list(zip(self.task_ids or (), self.zones, strict=True))

    def _refuse_what_cannot_work(self) -> None:
        """Check the arguments when the DAG is read; zones that are templates are checked when they are rendered.

        :raises ValueError: with what to write instead.
        """
        if isinstance(self.zones, str) or is_template(self.zones):
            raise ValueError('zones is a list such as ["DE", "GB"], or a mapping of task ids to zones.')
        if isinstance(self.zones, Mapping) == bool(self.task_ids):
            raise ValueError("Name the tasks once: as task_ids beside a list of zones, or as the keys of a mapping.")
        if not isinstance(self.zones, Mapping) and len(self.task_ids or ()) != len(self.zones):
            raise ValueError(
                f"There are {len(self.zones)} zones and {len(self.task_ids or ())} task_ids. Name one a site."
            )
        if len(self.zones) < 2:
            raise ValueError("One site is no choice. Name at least two.")
        from airflow_provider_hypercarbon.carbon.zones import known_zone_key

        for _, zone in self._sites():
            if not is_template(zone):
                known_zone_key(zone)
