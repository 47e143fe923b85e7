"""Random areas for tests of geometry: on a grid, where paths meet vertices and edges, or off."""

import math
import random

import shapely
from shapely.geometry.base import BaseGeometry


def on_grid(source: random.Random, step: float) -> BaseGeometry:
    """Return an area of boxes and diamonds, some cut out, with its vertices on a grid."""

    def block() -> BaseGeometry:
        x, y, r = source.randrange(9), source.randrange(9), source.randrange(1, 4)
        if source.random() < 0.5:
            return shapely.box(x - r, y - r, x + r, y + source.randrange(1, 4))
        return shapely.Polygon([(x - r, y), (x, y + r), (x + r, y), (x, y - r)])

    area = shapely.union_all([block() for _ in range(source.randrange(1, 5))])
    area = shapely.difference(
        area, shapely.union_all([block() for _ in range(source.randrange(4))])
    )
    return shapely.transform(area, lambda points: points * step)


def star(source: random.Random, _: float) -> BaseGeometry:
    """Return a jagged area of several parts, with holes, anywhere."""

    def ring(x: float, y: float, r: float) -> BaseGeometry:
        turns = sorted(source.uniform(0, 2 * math.pi) for _ in range(source.randrange(5, 60)))
        sizes = [source.uniform(0.3, 1) * r for _ in turns]
        return shapely.make_valid(
            shapely.Polygon(
                [
                    (x + s * math.cos(t), y + s * math.sin(t))
                    for t, s in zip(turns, sizes, strict=True)
                ]
            )
        )

    rings = [
        ring(source.uniform(0, 8), source.uniform(0, 8), source.uniform(1, 5)) for _ in range(3)
    ]
    return shapely.difference(shapely.union(rings[0], rings[1]), rings[2])
