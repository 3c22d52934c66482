# mailcrane: see README.md. `make demo` and `make check` install what is missing on Debian.

VERSION  = 0.1
PREFIX   = /usr/local
SBINDIR  = $(PREFIX)/sbin
MANDIR   = $(PREFIX)/share/man
SPOOLDIR = /var/spool/mailcrane
BUILD    = build

CC       = gcc
CSTD     = -std=c17 -D_GNU_SOURCE
WARN     = -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2
WERROR   = -Werror
HARDEN   = -fPIE -fstack-protector-strong -fstack-clash-protection -D_FORTIFY_SOURCE=2 -fno-common
OPTIMISE = -O2 -g
SANITIZE =
CFLAGS   = $(OPTIMISE) $(HARDEN)
LDFLAGS  = -pie -Wl,-z,relro -Wl,-z,now -Wl,--as-needed
PKG      = pkg-config

PKGS_WIRE  = gnutls libgsasl libesmtp-1.0
CPPFLAGS   = -Isrc -DMAILCRANE_VERSION='"$(VERSION)"' -DMAILCRANE_SBINDIR='"$(SBINDIR)"' -DMAILCRANE_SPOOL='"$(SPOOLDIR)"'
COMPILE    = $(CC) $(CSTD) $(WARN) $(WERROR) $(CFLAGS) $(SANITIZE) $(CPPFLAGS)
LINK       = $(CC) $(CFLAGS) $(SANITIZE) $(LDFLAGS)
WIRE_FLAGS = $(shell $(PKG) --cflags $(PKGS_WIRE) 2>/dev/null)
WIRE_LIBS  = $(shell $(PKG) --libs $(PKGS_WIRE) 2>/dev/null)
BASE_LIBS  = -liniparser

# One archive a directory of src; what may use what is the order of the link line (DESIGN: includes go down only).
sources = $(wildcard src/$(1)/*.c)
objects = $(patsubst %.c,$(BUILD)/%.o,$(call sources,$(1)))
ROOMS   = base message spool wire delivery
lib     = $(BUILD)/lib$(1).a

.PHONY: all clean deps demo check check-unit check-e2e check-asan lint interop bench install uninstall
.SECONDARY:

all: $(BUILD)/sendmail $(BUILD)/mailcrane

$(BUILD)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) $(WIRE_FLAGS) -MMD -MP -c -o $@ $<

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
$(BUILD)/sendmail: $(COMPAT_OBJECTS) $(call lib,spool) $(call lib,message) $(call lib,base)
	$(LINK) -o $@ $^ $(BASE_LIBS)

$(BUILD)/mailcrane: $(COMMAND_OBJECTS) $(call lib,delivery) $(call lib,wire) $(call lib,spool) $(call lib,message) $(call lib,base)
	$(LINK) -o $@ $^ $(WIRE_LIBS) $(BASE_LIBS)

-include $(shell find $(BUILD) -name '*.d' 2>/dev/null)

include tests/tests.mk

clean:
	rm -rf build build-asan build-cov
