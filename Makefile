# The commands of this repository. Each works on a fresh machine: it installs what it can, and
# says exactly what is missing.
.PHONY: test demo parts

# Everything: formatting, lints, all tests including end to end, documentation, dependencies.
test:
	.ci/run

# From a real Prometheus to a real HPA decision, in about a minute once built.
demo:
	@echo 'building first; without anything built that takes ten minutes or more'
	@cargo xtask demo

# The real control plane and Prometheus, about ten minutes the first time.
parts:
	e2e/build
