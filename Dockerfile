# syntax=docker/dockerfile:1

# The web assets, from the lock file.
FROM node:20.20.2-bookworm-slim AS web
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
RUN npm ci --no-audit --no-fund
COPY web/ ./
RUN npm run build

# The server: one static binary.
FROM golang:1.26.8-bookworm AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=web /src/web/dist/ web/dist/
RUN CGO_ENABLED=0 go build -trimpath -ldflags="-s -w" -o /out/certlink . \
 && mkdir -p /out/data

FROM gcr.io/distroless/static-debian12:nonroot
COPY --from=build /out/certlink /usr/local/bin/certlink
# The only place that is written to; everything else may be read-only.
COPY --from=build --chown=65532:65532 /out/data /data
USER 65532:65532
ENV CERTLINK_ADDR=0.0.0.0:8080 CERTLINK_DATA=/data
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=10s --retries=3 \
  CMD ["/usr/local/bin/certlink", "health"]
ENTRYPOINT ["/usr/local/bin/certlink"]
CMD ["serve"]
