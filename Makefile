# `make run` shows the channel at work; `make test` proves it. Both install what is missing first.

SWIFT ?= swift
SOURCES = Package.swift Sources Tests Benchmarks/Package.swift Benchmarks/Sources Benchmarks/Benchmarks

.PHONY: help setup build release run test test-debug test-release test-asan test-tsan bench rotation token format lint clean
.PHONY: benchmarks benchmarks-engine
.PHONY: netem models vectors peer fuzz faults coverage secrets differential simulate transfer flood

help:
	@echo 'make run           build, and show a server and a client at work over loopback TCP'
	@echo 'make setup         install libgcrypt and pkg-config where they are missing'
	@echo 'make build         build everything, for debugging'
	@echo 'make test          all tests: debug, release, sanitizers, the models, the second implementation, some fuzzing'
	@echo 'make test-debug    the tests of one build; also test-release, test-asan, test-tsan'
	@echo 'make models        explore the models of the specification and their mutants'
	@echo 'make vectors       write Spec/Vectors anew, from what the engine gives'
	@echo 'make peer          the second implementation (Python, from PyPI) with sechan: SESSIONS=1000 in each role'
	@echo 'make differential  QUESTIONS=100000 random ones to libgcrypt and swift-crypto, which must answer the same'
	@echo 'make simulate      SESSIONS=100000 simulated sessions, drawn from seeds, with the rules checked after every step'
	@echo 'make transfer      BYTES=100000000 over simulated datagrams of which LOSS=10 of 100 are lost'
	@echo 'make flood         a UDP listener on loopback under thousands of forged INITs, beside honest clients (not in CI)'
	@echo 'make fuzz          fuzz every target, SECONDS_EACH=60 seconds each'
	@echo 'make secrets       ask valgrind whether our own code branches on a secret'
	@echo 'make coverage      the lines of the engine that its tests reach'
	@echo 'make faults        build the engine with each seeded fault, and see the tests catch it (minutes; not in CI)'
	@echo 'make token         a session whose key is in a PKCS#11 token, SoftHSM 2 (not in CI)'
	@echo 'make netem         files over UDP across bad links between network namespaces, where the machine can (not in CI)'
	@echo 'make rotation      send 3 GiB through a channel, so that its keys are replaced twice (minutes; not in CI)'
	@echo 'make bench         handshakes, throughput and round trips on this machine'
	@echo 'make benchmarks    SCP beside libgcrypt alone, TLS and tunnels: a table, raw figures and charts (not in CI)'
	@echo 'make benchmarks-engine  absolute figures of the engine with distributions, from the benchmark library (not in CI)'
	@echo 'make format        lay out the sources'
	@echo 'make lint          check the layout of the sources'
	@echo 'make clean         remove what was built'

setup:
	@.ci/setup

build: setup
	$(SWIFT) build --build-tests

# The command, optimized.
RELEASE = --configuration release --scratch-path .build-release --product sechan
SECHAN = "$$($(SWIFT) build $(RELEASE) --show-bin-path)/sechan"

release: setup
	$(SWIFT) build $(RELEASE)

run: release
	@.ci/demo $(SECHAN)

token: release
	@.ci/token $(SECHAN)

rotation: release
	@.ci/rotation $(SECHAN)

# Files each way over UDP between two network namespaces, across links of several kinds of badness. Needs root and a
# kernel with netem; says so where it cannot.
netem: release
	@.ci/netem $(SECHAN)

bench: release
	@$(SECHAN) bench

# The package of Benchmarks/, which builds BoringSSL twice the first time. ONLY= names the groups to be measured. The
# tunnels follow, with what of spiped and stunnel4 is installed.
BENCHMARKS = --package-path Benchmarks --configuration release --scratch-path .build-benchmarks
RESULTS = .build-reports/benchmarks
PASSES ?= 3
ROUNDS ?= 31
ONLY ?=
benchmarks: release
	$(SWIFT) build $(BENCHMARKS) --product compare
	"$$($(SWIFT) build $(BENCHMARKS) --show-bin-path)/compare" \
		--passes $(PASSES) --rounds $(ROUNDS) --only '$(ONLY)' --output $(RESULTS)
	Benchmarks/tunnels.py $(SECHAN) --output $(RESULTS)

benchmarks-engine: setup
	$(SWIFT) package --package-path Benchmarks --scratch-path .build-benchmarks benchmark --no-progress --target EngineBenchmarks

test: setup
	@.ci/test

test-debug: setup
	@.ci/test debug debug-waiting

test-release: setup
	@.ci/test release release-waiting

test-asan: setup
	@.ci/test address address-waiting

test-tsan: setup
	@.ci/test thread thread-engine

# The models of Spec/models, every interleaving, and their mutants, which must fail.
models:
	python3 Spec/models/check.py

# The files of Spec/Vectors. The tests compare them byte for byte; `check-vectors` of Spec/peer computes them again.
vectors: setup
	SCP_WRITE_VECTORS=1 $(SWIFT) test --disable-xctest --filter VectorFileTests

# The second implementation against itself, against the vectors, and with the command: SESSIONS random sessions each,
# with the command in both roles.
SESSIONS ?= 1000
peer: release
	@.ci/peer $(SECHAN) $(SESSIONS)

# Random questions to both crypto backends. Builds BoringSSL. SEED repeats a run.
QUESTIONS ?= 100000
SEED ?= $(shell date +%s)
differential: setup
	SCP_DIFFERENTIAL_CASES=$(QUESTIONS) SCP_DIFFERENTIAL_SEED=$(SEED) $(SWIFT) test --disable-xctest \
		--traits SwiftCrypto --filter 'SCPSwiftCryptoTests.DifferentialTests'

# Simulated sessions, each drawn from its number, beginning with FIRST. A failing one is shown at its shortest.
simulate: SESSIONS = 100000
simulate: FIRST = 1
simulate: setup
	$(SWIFT) run --configuration release --scratch-path .build-release scp-simulate \
		sessions --first $(FIRST) --sessions $(SESSIONS)

# Bytes over datagrams, across a simulated network that loses LOSS of 100 each way, compared with what was sent.
BYTES ?= 100000000
LOSS ?= 10
transfer: setup
	$(SWIFT) run --configuration release --scratch-path .build-release scp-simulate \
		transfer --bytes $(BYTES) --loss $(LOSS)

# A real UDP listener, flooded for FLOOD_SECONDS with FLOOD_RATE INITs a second, beside honest clients.
FLOOD_SECONDS ?= 6
FLOOD_RATE ?= 4000
flood: release
	@python3 .ci/flood.py $(SECHAN) $(FLOOD_SECONDS) $(FLOOD_RATE)

# Every fuzz target for SECONDS_EACH seconds, after the canary.
SECONDS_EACH ?= 60
fuzz: setup
	Fuzz/run $(SECONDS_EACH)

# The engine with each fault of Tests/Faults/faults.json in it: the tests must notice.
faults: setup
	Tests/Faults/run.py

# Lines of Sources/SCP that the tests reach, and those that they do not.
coverage: setup
	@.ci/coverage

# Every secret marked for valgrind: our own code must not branch on one.
secrets: setup
	@Tests/SecretFlow/run

format:
	$(SWIFT) format --in-place --parallel --recursive $(SOURCES)

lint:
	$(SWIFT) format lint --strict --parallel --recursive $(SOURCES)

clean:
	rm -rf .build .build-release .build-asan .build-tsan .build-coverage .build-secrets .build-benchmarks .build-reports
