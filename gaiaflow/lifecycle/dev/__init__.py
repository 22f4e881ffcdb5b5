"""Commands of the development stack: `dev.*`."""
