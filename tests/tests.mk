# Unit tests: tests/unit/ROOM/test_NOUN.c links with its own room and the rooms below it.
TEST_FLAGS = $(shell $(PKG) --cflags cmocka 2>/dev/null)
TEST_LIBS  = $(shell $(PKG) --libs cmocka 2>/dev/null)
unit_tests = $(patsubst tests/unit/%.c,$(BUILD)/tests/%,$(wildcard tests/unit/*/test_*.c))

libs_base     = $(call lib,base)
libs_message  = $(call lib,message) $(libs_base)
libs_spool    = $(call lib,spool) $(libs_message)
libs_hands    = $(call lib,hands) $(libs_spool)
libs_wire     = $(call lib,wire) $(libs_message)
libs_delivery = $(call lib,delivery) $(call lib,wire) $(libs_spool)

define unit_rule
$(BUILD)/tests/$(1)/%: tests/unit/$(1)/%.c $(libs_$(1))
	@mkdir -p $$(@D)
	$(COMPILE) $(TEST_FLAGS) $(WIRE_FLAGS) -MMD -MP -MF $$@.d $(LDFLAGS) -o $$@ $$< $(libs_$(1)) $(TEST_LIBS) $(if $(filter wire delivery,$(1)),$(WIRE_LIBS)) $(BASE_LIBS)
endef
$(foreach room,$(ROOMS),$(eval $(call unit_rule,$(room))))

# The wire's tests mostly wait for silences: they go first, and the others beside them.
check-unit: $(filter $(BUILD)/tests/wire/%,$(unit_tests)) $(unit_tests)
	@CHECK_RUNNER="$(CHECK_RUNNER)" tests/unit/run $^

# ---- the bundled relay and the end-to-end cases ----
RELAY_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/relay/*.c))

$(BUILD)/relay: $(RELAY_OBJECTS)
	$(LINK) -o $@ $^ $(shell $(PKG) --libs gnutls)

check-e2e: all $(BUILD)/relay
	@tests/causes
	@BUILD=$(BUILD) tests/relay/selftest
	@BUILD=$(BUILD) tests/e2e/run; status=$$?; BUILD=$(BUILD) tests/callers/replay && exit $$status

$(BUILD)/nameserver: $(BUILD)/tests/interop/weather/nameserver.o
	$(LINK) -o $@ $^

# ---- the fault suite (tests/faults/README.md) ----
# In `check`: every fault of the table, one caller a case. `make faults`: the same with 20 callers at once, which takes minutes.
check-faults: all $(BUILD)/relay
	@BUILD=$(BUILD) tests/faults/run

faults: all $(BUILD)/relay
	@BUILD=$(BUILD) FAULTS_JOBS=8 tests/faults/run --callers 20
# ---- end of that ----

# ---- killed, failing, torn (tests/crash/README.md) ----
CRASH_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard tests/crash/*.c))
$(BUILD)/tests/crash/crash: $(CRASH_OBJECTS) $(libs_spool)
	$(LINK) -o $@ $^ $(BASE_LIBS)

# In `check`: at each call that somebody else can see. `make crash`: at each system call, which takes minutes.
check-crash: all $(BUILD)/relay $(BUILD)/tests/crash/crash
	@BUILD=$(BUILD) tests/crash/run

crash: all $(BUILD)/relay $(BUILD)/tests/crash/crash
	@BUILD=$(BUILD) tests/crash/run --all
# ---- end of that ----

# ---- sendmail's own units: everything in compat/ but its main() ----
COMPAT_UNITS = $(filter-out $(BUILD)/compat/sendmail.o,$(COMPAT_OBJECTS))
$(BUILD)/tests/compat/%: tests/unit/compat/%.c $(COMPAT_UNITS) $(libs_hands)
	@mkdir -p $(@D)
	$(COMPILE) -I. $(TEST_FLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(COMPAT_UNITS) $(libs_hands) $(TEST_LIBS) $(BASE_LIBS)
# ---- end of that ----

# ---- mailcrane's own units: what in src/command/ is no verb ----
COMMAND_UNITS = $(patsubst %,$(BUILD)/src/command/%.o,advice diagnosis json permission receipt security)
$(BUILD)/tests/command/%: tests/unit/command/%.c $(COMMAND_UNITS) $(libs_delivery)
	@mkdir -p $(@D)
	$(COMPILE) $(TEST_FLAGS) $(WIRE_FLAGS) -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $< $(COMMAND_UNITS) $(libs_delivery) $(TEST_LIBS) $(WIRE_LIBS) $(BASE_LIBS)
# ---- end of that ----

# ---- fuzzing: tests/fuzz, with clang's libFuzzer and sanitizers ----
FUZZ_RUNS  = 100000	# executions of each; over a night a hundred times as many
fuzz_tests = $(patsubst tests/fuzz/%.c,$(BUILD)/fuzz/%,$(wildcard tests/fuzz/fuzz_*.c))

$(BUILD)/fuzz/%: tests/fuzz/%.c $(filter-out %/sendmail.o,$(COMPAT_OBJECTS)) $(libs_hands)
	@mkdir -p $(@D)
	$(COMPILE) -I. -fsanitize=fuzzer -MMD -MP -MF $@.d $(LDFLAGS) -o $@ $^ $(BASE_LIBS)

fuzz: deps
	@tests/deps clang libclang-rt-dev
	@$(MAKE) -s -j$(JOBS) --no-print-directory fuzz-run BUILD=build-fuzz CC=clang WERROR= HARDEN="-fPIE -fno-common" OPTIMISE="-O1 -g" \
	    SANITIZE="-fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=undefined"

fuzz-run: $(fuzz_tests)
	@FUZZ_RUNS=$(FUZZ_RUNS) tests/fuzz/run $^
