"""A seasonal forecast of the atmospheric CO2 measured at Mauna Loa."""
