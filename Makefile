# mailcrane: see README.md. `make demo` and `make check` install what is missing on Debian.

VERSION  = 0.1
PREFIX   = /usr/local
SBINDIR  = $(PREFIX)/sbin
MANDIR   = $(PREFIX)/share/man
SPOOLDIR = /var/spool/mailcrane
UNITDIR  = $(PREFIX)/lib/systemd/system
CRONDIR  = /etc/cron.d
BUILD    = build

CC       = gcc
CSTD     = -std=c17 -D_GNU_SOURCE
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
WERROR   = -Werror
JOBS     = $(shell nproc)
HARDEN   = -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fno-common
OPTIMISE = -O2 -g
SANITIZE =
CFLAGS   = $(OPTIMISE) $(HARDEN)
LDFLAGS  = -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
PKG      = pkg-config

PKGS_WIRE  = gnutls libgsasl libesmtp-1.0 libseccomp
CPPFLAGS   = -Isrc -I$(BUILD)/conf -DMAILCRANE_VERSION='"$(VERSION)"' -DMAILCRANE_SBINDIR='"$(SBINDIR)"' -DMAILCRANE_SPOOL='"$(SPOOLDIR)"'
COMPILE    = $(CC) $(CSTD) $(WARN) $(WERROR) $(CFLAGS) $(SANITIZE) $(CPPFLAGS)
LINK       = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS)
WIRE_FLAGS = $(shell $(PKG) --cflags $(PKGS_WIRE) 2>/dev/null)
WIRE_LIBS  = $(shell $(PKG) --libs $(PKGS_WIRE) 2>/dev/null)
BASE_LIBS  = -liniparser
# sendmail has iniparser in itself where the static library is there: to find, map and bind a shared one is a twentieth of a bare call.
# SENDMAIL_LIBS=-liniparser for those who want it shared.
INIPARSER  = $(wildcard $(shell $(CC) -print-file-name=libiniparser.a))
SENDMAIL_LIBS = $(or $(INIPARSER),$(BASE_LIBS))

# One archive a directory of src; what may use what is the order of the link line (DESIGN: includes go down only).
sources = $(wildcard src/$(1)/*.c)
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
ROOMS   = base message spool hands wire delivery
lib     = $(BUILD)/lib$(1).a

.PHONY: all clean deps deps-ci demo check fuzz check-unit check-e2e check-crash check-faults check-asan check-valgrind lint interop \
    weather faults crash bench bench-peers bench-faults install install-owners uninstall
.SECONDARY:

all: $(BUILD)/sendmail $(BUILD)/mailcrane

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) $(WIRE_FLAGS) -MMD -MP -c -o $@ $<

# conf/providers as rows of C; a line that is no row stops the build.
$(BUILD)/conf/providers.h: conf/providers Makefile
	@mkdir -p $(@D)
	awk -F ' *\\| *' '/^(#|$$)/ { next } NF != 4 || /["\\]/ { print FILENAME ":" FNR ": not a row" >"/dev/stderr"; exit 1 } \
	    { sub(/ *$$/, "", $$4); printf "{\"%s\", \"%s\", \"%s\", \"%s\"},\n", $$1, $$2, $$3, $$4 }' $< >$@.new
	@mv $@.new $@
$(BUILD)/src/base/provider.o: $(BUILD)/conf/providers.h

# The other tables: as many columns as their first row has.
$(BUILD)/conf/%.rows: conf/% Makefile
	@mkdir -p $(@D)
	awk -F ' *\\| *' '/^(#|$$)/ { next } !n { n = NF } NF != n || /["\\]/ { print FILENAME ":" FNR ": not a row" >"/dev/stderr"; exit 1 } \
	    { sub(/ *$$/, "", $$NF); printf "{"; for (i = 1; i <= NF; i++) printf "\"%s\"%s", $$i, i < NF ? ", " : "},\n" }' $< >$@.new
	@mv $@.new $@
ROWS = $(patsubst %,$(BUILD)/conf/%.rows,advice traps interceptors replies)
$(BUILD)/src/command/advice.o: $(ROWS)

define archive
$(BUILD)/lib$(1).a: $(call objects,$(1))
	@mkdir -p $$(@D)
	@rm -f $$@
	ar rcs $$@ $$^
endef
$(foreach room,$(ROOMS),$(eval $(call archive,$(room))))

COMPAT_OBJECTS  = $(patsubst %.c,$(BUILD)/%.o,$(wildcard compat/*.c))
COMMAND_OBJECTS = $(patsubst %.c,$(BUILD)/%.o,$(wildcard src/command/*.c))

# No TLS and no network library in the program that is set-gid and starts for every mail() call.
$(BUILD)/sendmail: $(COMPAT_OBJECTS) $(call lib,hands) $(call lib,spool) $(call lib,message) $(call lib,base)
	$(LINK) -o $@ $^ $(SENDMAIL_LIBS)

$(BUILD)/mailcrane: $(COMMAND_OBJECTS) $(call lib,delivery) $(call lib,wire) $(call lib,hands) $(call lib,spool) $(call lib,message) $(call lib,base)
	$(LINK) -o $@ $^ $(WIRE_LIBS) $(BASE_LIBS)

-include $(shell find $(BUILD)/src $(BUILD)/compat $(BUILD)/tests -type f -name '*.d' 2>/dev/null)

include tests/tests.mk

# ---- packages ----

DEPS_BUILD = gcc make pkg-config libesmtp-dev libgnutls28-dev libgsasl-dev libseccomp-dev libiniparser-dev libidn2-dev libxxhash-dev
DEPS_CHECK = libcmocka-dev openssl procps
DEPS_LINT  = clang-tidy cppcheck mandoc shellcheck valgrind
DEPS_CI    = $(DEPS_LINT) debootstrap iproute2 nftables

# Installs what is missing where it can (root on a Debian system), names it where it can't.
deps:
	@tests/deps $(DEPS_BUILD) $(DEPS_CHECK)
deps-ci: deps
	@tests/deps $(DEPS_CI)

# ---- what people run ----

demo: deps
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay
	@BUILD=$(BUILD) tests/demo.sh

# All of them, also when one fails.
CHECKS = check-unit check-e2e check-crash $(if $(filter no,$(FAULTS)),,check-faults)
check: deps
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay
	@failed=0; for suite in $(CHECKS); do $(MAKE) -s -j$(JOBS) --no-print-directory $$suite || failed=1; done; exit $$failed

# The same tests under the address and undefined-behaviour sanitizers.
check-asan: deps
	@ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1 \
	    $(MAKE) -s --no-print-directory check BUILD=build-asan SANITIZE="-fsanitize=address,undefined -fno-sanitize-recover=undefined" \
	    HARDEN="-fPIE -fno-common" OPTIMISE="-O1 -g -fno-omit-frame-pointer"

# Leaks, uninitialised values and invalid accesses: the unit tests under valgrind, then the programs with all their processes.
check-valgrind: deps
	@tests/deps valgrind
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay
	@failed=0; $(MAKE) -s -j$(JOBS) --no-print-directory check-unit CHECK_RUNNER="valgrind -q --error-exitcode=99 --leak-check=full \
	    --errors-for-leak-kinds=definite --child-silent-after-fork=yes" || failed=1; \
	BUILD=$(BUILD) tests/valgrind && exit $$failed

LINT_SOURCES = $(wildcard src/*/*.c compat/*.c)
lint: export LINT_FLAGS = $(CSTD) $(CPPFLAGS) $(WIRE_FLAGS)
lint: $(BUILD)/conf/providers.h $(ROWS)
	@tests/deps $(DEPS_BUILD) $(DEPS_LINT)
	@BUILD=$(BUILD) tests/lint $(LINT_SOURCES)

# CASES="php-fpm git": those alone (directories of tests/interop/cases and callers).
interop: deps-ci
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay $(BUILD)/nameserver
	@tests/interop/run $(CASES); status=$$?; [ -n "$(CASES)" ] || BUILD=$(BUILD) tests/interop/weather/run && exit $$status

# What networks, resolvers and disks do on bad days: a part of interop.
weather: deps-ci
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay $(BUILD)/nameserver
	@BUILD=$(BUILD) tests/interop/weather/run

bench: deps
	@tests/deps msmtp
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay
	@BUILD=$(BUILD) tests/bench/run; status=$$?; echo; BUILD=$(BUILD) tests/bench/queue || status=$$?; echo; \
	    tests/bench/peers/run || status=$$?; exit $$status

# Beside nullmailer, dma and Postfix alone, a part of bench. TABLES="enqueue drain": one of them.
bench-peers: deps
	@tests/bench/peers/run $(TABLES)

bench-faults: deps
	@tests/deps msmtp
	@$(MAKE) -s -j$(JOBS) --no-print-directory all $(BUILD)/relay
	@BUILD=$(BUILD) tests/faults/bench

# ---- installing ----
# DESTDIR set: files only, for a package. Else, as root, user and group, set-gid and spool too (DESIGN: owners).

INSTALL = install
PLACES  = s|@SBINDIR@|$(SBINDIR)|g;s|@SPOOLDIR@|$(SPOOLDIR)|g
install: all
	$(INSTALL) -d $(DESTDIR)$(SBINDIR) $(DESTDIR)$(MANDIR)/man8 $(DESTDIR)$(MANDIR)/man5 $(DESTDIR)$(PREFIX)/share/doc/mailcrane
	$(INSTALL) -m 755 $(BUILD)/mailcrane $(DESTDIR)$(SBINDIR)/mailcrane
	$(INSTALL) -m 755 $(BUILD)/sendmail $(DESTDIR)$(SBINDIR)/sendmail
	ln -sf sendmail $(DESTDIR)$(SBINDIR)/mailq
	ln -sf sendmail $(DESTDIR)$(SBINDIR)/newaliases
	$(INSTALL) -d $(DESTDIR)$(PREFIX)/lib
	ln -sf $(SBINDIR)/sendmail $(DESTDIR)$(PREFIX)/lib/sendmail
	$(INSTALL) -m 644 man/sendmail.8 man/mailcrane.8 $(DESTDIR)$(MANDIR)/man8/
	$(INSTALL) -m 644 man/mailcrane.ini.5 $(DESTDIR)$(MANDIR)/man5/
	$(INSTALL) -m 644 conf/mailcrane.ini $(DESTDIR)$(PREFIX)/share/doc/mailcrane/mailcrane.ini
	$(INSTALL) -d $(DESTDIR)$(UNITDIR)
	for unit in mailcrane.service mailcrane-run.service mailcrane-run.timer; do \
	    sed '$(PLACES)' conf/systemd/$$unit | $(INSTALL) -m 644 /dev/stdin $(DESTDIR)$(UNITDIR)/$$unit || exit; done
	if [ -n "$(DESTDIR)" ] || [ -d $(CRONDIR) ]; then $(INSTALL) -d $(DESTDIR)$(CRONDIR) && \
	    sed '$(PLACES)' conf/mailcrane.cron | $(INSTALL) -m 644 /dev/stdin $(DESTDIR)$(CRONDIR)/mailcrane; fi
	@if [ -z "$(DESTDIR)" ] && [ "$$(id -u)" = 0 ]; then $(MAKE) --no-print-directory install-owners; \
	else echo "Not root, or DESTDIR is set: whoever installs for real runs 'make install-owners' as root."; fi

install-owners:
	getent group mailcrane >/dev/null || groupadd --system mailcrane
	getent passwd mailcrane >/dev/null || useradd --system --gid mailcrane --home-dir $(SPOOLDIR) --no-create-home \
	    --shell /usr/sbin/nologin mailcrane
	chown root:mailcrane $(DESTDIR)$(SBINDIR)/sendmail
	chmod 2755 $(DESTDIR)$(SBINDIR)/sendmail
	$(INSTALL) -d -o root -g mailcrane -m 2770 $(DESTDIR)$(SPOOLDIR)
	@# deferred mail is tried again by a timer: systemd's, else cron's, which has its file already
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then \
	    systemctl daemon-reload && systemctl enable --now mailcrane-run.timer; \
	elif [ -z "$(DESTDIR)" ] && [ ! -d $(CRONDIR) ]; then \
	    echo "There is neither systemd nor cron: have something call 'mailcrane run --timer' each minute."; fi
	@if [ ! -e $(DESTDIR)/etc/mailcrane.ini ]; then \
	    $(INSTALL) -o root -g mailcrane -m 640 conf/mailcrane.ini $(DESTDIR)/etc/mailcrane.ini; \
	    echo "Now fill in /etc/mailcrane.ini and try: mailcrane check"; fi

uninstall:
	@if [ -z "$(DESTDIR)" ] && [ -d /run/systemd/system ]; then systemctl disable --now mailcrane-run.timer mailcrane.service; fi
	rm -f $(DESTDIR)$(UNITDIR)/mailcrane.service $(DESTDIR)$(UNITDIR)/mailcrane-run.service \
	    $(DESTDIR)$(UNITDIR)/mailcrane-run.timer $(DESTDIR)$(CRONDIR)/mailcrane
	rm -f $(DESTDIR)$(SBINDIR)/mailcrane $(DESTDIR)$(SBINDIR)/sendmail $(DESTDIR)$(SBINDIR)/mailq $(DESTDIR)$(SBINDIR)/newaliases
	rm -f $(DESTDIR)$(PREFIX)/lib/sendmail
	rm -f $(DESTDIR)$(MANDIR)/man8/sendmail.8 $(DESTDIR)$(MANDIR)/man8/mailcrane.8 $(DESTDIR)$(MANDIR)/man5/mailcrane.ini.5
	rm -rf $(DESTDIR)$(PREFIX)/share/doc/mailcrane
	@echo "Settings, the spool $(SPOOLDIR) and the user mailcrane stay: they may hold mail."

clean:
	rm -rf build build-asan build-cov
