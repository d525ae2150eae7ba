# The two commands: make run, make test. The others are their parts.
.PHONY: run test web build check bridge bench fuzz clean

# make run LAN=1 serves HTTPS on the local network, for a real phone.
run: web
	go run . serve --demo $(if $(LAN),--lan) $(ARGS)

# Everything that is tested. Outside programs that tests need and do not find
# are named with the way to get them; with CI=true their absence is an error. Tests
# in browsers mostly wait, so four stand beside one another on however few cores; they take
# longest and begin first, and one other package runs beside them (-p): with two, everything
# takes as long and each test later. Packages with several servers and a database come last.
# What check has vetted is not vetted again, and nobody debugs these programs (-w).
# The race detector looks at everything but SQLite's C, translated (docs/design.md).
test: web check
	go test -race -gcflags=modernc.org/sqlite/lib=-race=false -vet=off -ldflags=-w -timeout 40m -p 2 -parallel 4 ./tests/browser ./api ./...

# Every system that the bridge is made for is looked at by types; one that no test links
# it for is linked, since linking all of them takes longest of what stands here.
check:
	@test -z "$$(gofmt -l $$(git ls-files '*.go'))" || { echo "gofmt these:"; gofmt -l $$(git ls-files '*.go'); exit 1; }
	go vet ./...
	cd web && npm run --silent check && npm run --silent unit
	go run ./internal/portable windows/amd64 darwin/arm64 darwin/amd64 linux/arm64
	GOOS=windows GOARCH=386 CGO_ENABLED=0 go vet ./ukey/... ./cmd/ukey-bridge
	$(MAKE) --no-print-directory bridge BRIDGES=darwin-arm64

# web/dist is made anew when a source is newer than it.
web: web/dist/.built
web/dist/.built: web/package-lock.json web/package.json web/build.mjs web/tsconfig.json $(shell find web/portal web/phone web/shared web/widget web/docs -type f 2>/dev/null)
	cd web && npm ci --no-audit --no-fund && npm run --silent build
	@touch $@

build: web
	CGO_ENABLED=0 go build -trimpath -o bin/certlink .
	CGO_ENABLED=0 go build -trimpath -o bin/phone ./cmd/phone

# One file of the desktop bridge per system. On Windows it opens no console.
BRIDGES = windows-386 windows-amd64 darwin-arm64 darwin-amd64 linux-amd64 linux-arm64
bridge:
	@for t in $(BRIDGES); do \
	  os=$${t%-*}; ext=; flags=; [ $$os = windows ] && ext=.exe && flags=-H=windowsgui; \
	  echo bin/ukey-bridge-$$t$$ext; \
	  GOOS=$$os GOARCH=$${t#*-} CGO_ENABLED=0 go build -trimpath -ldflags "$$flags" -o bin/ukey-bridge-$$t$$ext ./cmd/ukey-bridge || exit 1; done

bench: build
	go run ./cmd/bench $(ARGS)

# Each fuzz target for ten seconds.
fuzz:
	@for p in $$(go list ./...); do \
	  for f in $$(go test -list '^Fuzz' $$p | grep '^Fuzz'); do \
	    echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime 10s $$p || exit 1; done; done

clean:
	rm -rf bin web/node_modules && find web/dist -mindepth 1 ! -name .gitkeep -delete
