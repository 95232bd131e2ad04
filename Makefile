# Each target is `python3 -m launcher <target>`; further arguments: make test ARGS="-k seats"
PYTHON ?= python3

.PHONY: help run test demo audit flask check bench soak chaos planted reset browser lock

help:
	@$(PYTHON) -m launcher --help

run:
	@$(PYTHON) -m launcher run $(if $(DEMO),--demo $(DEMO)) $(ARGS)

test:
	@$(PYTHON) -m launcher test $(ARGS)

demo:
	@$(PYTHON) -m launcher demo $(if $(KEEP),--keep) $(if $(SIZE),--size $(SIZE)) $(ARGS)

audit:
	@$(PYTHON) -m launcher audit $(ARGS)

flask:
	@$(PYTHON) -m launcher flask $(ARGS)

check:
	@$(PYTHON) -m launcher check $(ARGS)

bench:
	@$(PYTHON) -m launcher bench $(ARGS)

soak:
	@$(PYTHON) -m launcher soak $(if $(SEEDS),--seeds $(SEEDS)) $(if $(FIRST),--first $(FIRST)) $(ARGS)

chaos:
	@$(PYTHON) -m launcher chaos $(if $(KILLS),--kills $(KILLS)) $(if $(SEED),--seed $(SEED)) $(ARGS)

planted:
	@$(PYTHON) -m launcher planted $(ARGS)

reset:
	@$(PYTHON) -m launcher reset $(ARGS)

browser:
	@$(PYTHON) -m launcher browser $(ARGS)

lock:
	@$(PYTHON) -m launcher lock $(ARGS)
