"""Which of several sites is cleanest: the same decision for each, and one comparison of what it expects."""

from __future__ import annotations

from collections.abc import Sequence

from airflow_provider_hypercarbon.carbon.decision import StartDecision
from airflow_provider_hypercarbon.carbon.instants import clock_time, words
from airflow_provider_hypercarbon.carbon.intensity import Frozen, UtcDatetime


class Site(Frozen):
    """A site with what is expected of its grid.

    :param mean_gco2eq_per_kwh: expected mean over the job at the best start; None when it was not compared.
    :param start_at: that start.
    :param not_compared: why; empty when it was.
    """

    task_id: str
    zone: str
    mean_gco2eq_per_kwh: float | None = None
    start_at: UtcDatetime | None = None
    not_compared: str = ""


class SiteChoice(Frozen):
    """The site that a job goes to, and why. Plain JSON by ``model_dump(mode="json")``.

    :param decision: what was decided for that site's grid.
    :param sites: all that were looked at, in the user's order.
    """

    task_id: str
    zone: str
    sentence: str
    decision: StartDecision
    sites: tuple[Site, ...]


def choose_site(decisions: Sequence[tuple[str, StartDecision]], *, min_saving: float = 0.01) -> SiteChoice:
    """Choose the site with the lowest expected mean.

    The first site stays the choice unless another is cleaner by ``min_saving``. Sites that count other emissions than
    the first one with data are not compared with it; where nothing is known of any, the first is chosen.

    :param decisions: task ids with a decision each, in the order of preference.
    :param min_saving: a fraction of the first site's mean.
    """
    basis = next((decision for _, decision in decisions if _mean(decision) is not None), None)
    sites = tuple(_site(task_id, decision, basis) for task_id, decision in decisions)
    means = [site.mean_gco2eq_per_kwh for site in sites]
    known = [index for index, mean in enumerate(means) if mean is not None]
    chosen = min(known, key=lambda index: (means[index], index), default=0)
    home = means[0]
    if home is not None and (means[chosen] or 0.0) > home * (1 - min_saving):
        chosen = 0
    task_id, decision = decisions[chosen]
    return SiteChoice(
        task_id=task_id,
        zone=decision.zone,
        sentence=_sentence(sites, chosen, decision),
        decision=decision,
        sites=sites,
    )


def _mean(decision: StartDecision) -> float | None:
    return decision.mean_now_gco2eq_per_kwh if decision.due else decision.mean_at_start_gco2eq_per_kwh


def _site(task_id: str, decision: StartDecision, basis: StartDecision | None) -> Site:
    mean, why = _mean(decision), ""
    if mean is None:
        why = decision.problems[0] if decision.problems else decision.sentence
    elif basis is not None and decision.signal != basis.signal:
        why = (
            f"{decision.source} counts {decision.signal}, {basis.source} for {basis.zone} counts {basis.signal}; "
            "two bases are never compared."
        )
    if why:
        return Site(task_id=task_id, zone=decision.zone, not_compared=why)
    return Site(task_id=task_id, zone=decision.zone, mean_gco2eq_per_kwh=mean, start_at=decision.start_at)


def _sentence(sites: Sequence[Site], chosen: int, decision: StartDecision) -> str:
    site = sites[chosen]
    others = ", ".join(
        f"{other.zone} {'not compared' if other.mean_gco2eq_per_kwh is None else f'{other.mean_gco2eq_per_kwh:.0f}'}"
        for index, other in enumerate(sites)
        if index != chosen
    )
    if site.mean_gco2eq_per_kwh is None:
        return (
            f"Going to {site.zone}, the first site: nothing is known of any grid ({site.not_compared.rstrip('.')})."
        )
    made_up = f" ({decision.synthetic} data)" if decision.synthetic else ""
    now = decision.decided_at
    start = "now" if decision.due else clock_time(decision.start_at, now=now)
    compared = sum(one.mean_gco2eq_per_kwh is not None for one in sites)
    rank = "the only site that can be compared" if compared == 1 else f"cleanest of {compared} sites"
    if chosen == 0 and _is_undercut(sites):
        rank = "the first site, as no other is cleaner by enough"
    return (
        f"Going to {site.zone}, {rank}: mean "
        f"{site.mean_gco2eq_per_kwh:.0f} gCO2eq/kWh{made_up} over {words(decision.duration)} from {start}"
        f"{f' ({others})' if others else ''}."
    )


def _is_undercut(sites: Sequence[Site]) -> bool:
    first = sites[0].mean_gco2eq_per_kwh or 0.0
    return any(site.mean_gco2eq_per_kwh is not None and site.mean_gco2eq_per_kwh < first for site in sites[1:])
