"""The plane and the ellipsoid: distances, intersections, rasters. It knows no zones."""
