# make engine: fetch the ClickHouse engine (libchdb) that `--audit embedded` runs, into .engine/VERSION/.
# Pinned by exact version and SHA-512: npm's `latest` tag names an older one. Each step leaves a finished
# file or none, so an interrupted run goes on where it stopped and a second run does nothing.
ENGINE_VERSION  := 26.7.3-stable.1
ENGINE_DIR      := .engine/$(ENGINE_VERSION)
ENGINE_LIB      := $(ENGINE_DIR)/libchdb.so
# Other platforms have packages too (lib-linux-arm64-gnu, lib-darwin-arm64, …): add their two lines once somebody ran one.
ENGINE_PKG_linux_amd64 := @chdb/lib-linux-x64-gnu
ENGINE_SUM_linux_amd64 := XP97mMqnc5tZpKQywR8N7cLTsHNiTmHr30pC5mzo3jWmukjKn2IBa60c2B/gWUNcuFjOMjWoorQICCqBVj5wpw==
ENGINE_PLATFORM = $(shell go env GOOS)_$(shell go env GOARCH)
ENGINE_PKG = $(ENGINE_PKG_$(ENGINE_PLATFORM))
ENGINE_SUM = $(ENGINE_SUM_$(ENGINE_PLATFORM))

.PHONY: engine
engine: $(ENGINE_LIB)
	@:

$(ENGINE_LIB):
	@test -n "$(ENGINE_SUM)" || { echo "engine: none is pinned for $(ENGINE_PLATFORM): run keytrail with --audit clickhouse://… instead" >&2; exit 1; }
	@test -f $(ENGINE_DIR)/engine.tgz || command -v npm >/dev/null || { echo "engine: npm is missing: install Node.js (apt-get install npm), or run keytrail with --audit clickhouse://…" >&2; exit 1; }
	@mkdir -p $(ENGINE_DIR)/fetch
	@cd $(ENGINE_DIR) && test -f engine.tgz || { cd fetch && rm -f ./*.tgz && \
	  { npm pack --silent --prefer-offline "$(ENGINE_PKG)@$(ENGINE_VERSION)" >npm.log 2>&1 || { echo "engine: npm pack $(ENGINE_PKG)@$(ENGINE_VERSION) failed: $$(grep -v '^$$' npm.log | tail -1): run make engine again" >&2; exit 1; }; } && \
	  mv ./*.tgz ../engine.tgz; }
	@cd $(ENGINE_DIR) && got=$$(openssl dgst -sha512 -binary engine.tgz | openssl base64 -A) && test "$$got" = "$(ENGINE_SUM)" || \
	  { rm -f engine.tgz; echo "engine: what npm gave is not the pinned archive (SHA-512 $$got): removed; run make engine again" >&2; exit 1; }
	@cd $(ENGINE_DIR) && tar -xzf engine.tgz -O package/libchdb.so >libchdb.so.part && mv libchdb.so.part libchdb.so && rm -rf engine.tgz fetch
