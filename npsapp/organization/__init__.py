"""Who we are: brands, regions, units, performers, segments."""
