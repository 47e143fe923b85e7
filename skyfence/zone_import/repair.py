"""Outlines from any file: made valid for a zone, or refused.

    rounded to 1 cm ─▶ unrolled ─▶ checked (mended if allowed) ─▶ cut at longitude 180

Every change is a finding with its place. The geometry is in ``geometry.polygons``. Does not read
files.
"""

from dataclasses import replace

import numpy as np
import shapely
from shapely.geometry.base import BaseGeometry

from skyfence.geometry.polygons import (
    OutlineError,
    area_m2,
    cut,
    mended,
    on_map,
    polygons,
    rounded,
    unrolled,
)
from skyfence.zones.finding import Finding
from skyfence.zones.outline_checks import outline_findings


def repair_outline(
    area: BaseGeometry | None, *, repair: bool, areas_only: bool
) -> tuple[BaseGeometry | None, list[Finding]]:
    """Return an outline as a zone may have it, or None, and the findings.

    ``area`` is in degrees. ``repair`` allows an outline that crosses itself to be mended,
    ``areas_only`` allows what is no area to be left out without an error.
    """
    reason = _no_area(area)
    if area is None or reason:
        left_out = Finding("", f"left out: {reason}", severity="remark")
        return None, [left_out if areas_only else Finding("", reason)]
    away = _out_of_the_world(area)
    if away is not None:
        return None, [away]
    drawn = rounded(area)
    try:
        whole = unrolled(drawn)
    except OutlineError as error:
        lon, lat = shapely.get_coordinates(drawn)[0].tolist()
        return None, [Finding("", str(error), on_map((lon, lat)))]
    wrong = [_on_map(finding) for finding in outline_findings(whole, "")]
    if wrong and not repair:
        return None, wrong
    findings: list[Finding] = []
    if wrong:
        whole, note = _mended(whole, wrong)
        findings.append(note)
    made = cut(whole)
    if made is not whole:
        reason = f"cut at longitude 180, polygons now: {len(polygons(made))}"
        findings.append(Finding("", reason, severity="remark"))
    return rounded(made), findings


def _no_area(area: BaseGeometry | None) -> str:
    if area is None or area.is_empty:
        return "the feature has no geometry"
    if area.geom_type not in ("Polygon", "MultiPolygon"):
        return f"geometry must be a Polygon or MultiPolygon, got {area.geom_type!r}"
    return ""


def _out_of_the_world(area: BaseGeometry) -> Finding | None:
    points = shapely.get_coordinates(area)
    finite = np.isfinite(points).all(axis=1)
    if not finite.all():
        reason = f"{(~finite).sum()} positions lie outside of the file's reference system"
        return Finding("", reason)
    # before it is cut, an outline may run on past 180 by as much as a turn round the world
    away = points[(np.abs(points) > (540, 90)).any(axis=1)]
    if not len(away):
        return None
    lon, lat = away[0].tolist()
    more = f" (and {len(away) - 1} more)" if len(away) > 1 else ""
    return Finding("", f"leaves longitude -180..180, latitude -90..90: [{lon}, {lat}]{more}")


def _mended(area: BaseGeometry, wrong: list[Finding]) -> tuple[BaseGeometry, Finding]:
    made = mended(area)
    before, after = area_m2(area), area_m2(made)
    reason = (
        f"repaired ({wrong[0].reason}), {after - before:+.0f} m2 against the outline as drawn, "
        f"polygons now: {len(polygons(made))}, {after:.0f} m2"
    )
    return made, Finding("", reason, wrong[0].place, "warning")


def _on_map(finding: Finding) -> Finding:
    return replace(finding, place=None if finding.place is None else on_map(finding.place))
