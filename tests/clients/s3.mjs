// AWS's SDK for JavaScript v3 against an endpoint: node s3.mjs <endpoint> <region> <access key> <secret key> <bucket> <key>
//
// Signs URLs, uses them with fetch, then puts and gets by header signatures. One line of JSON: what each step answered.

import { Readable } from "node:stream";

import { GetObjectCommand, HeadObjectCommand, PutObjectCommand, S3Client } from "@aws-sdk/client-s3";
import { getSignedUrl } from "@aws-sdk/s3-request-presigner";

const [endpoint, region, accessKeyId, secretAccessKey, Bucket, Key] = process.argv.slice(2);
const credentials = { accessKeyId, secretAccessKey };
const client = new S3Client({ endpoint, region, credentials, forcePathStyle: true });
const told = {};

const put = { Bucket, Key, ContentType: "text/plain" };
told.url = await getSignedUrl(client, new PutObjectCommand(put), { expiresIn: 60 });
const answer = await fetch(told.url, { method: "PUT", body: "by a URL", headers: { "Content-Type": "text/plain" } });
told.put = [answer.status, answer.headers.get("etag")];

const strict = await getSignedUrl(client, new PutObjectCommand(put), {
  expiresIn: 60,
  signableHeaders: new Set(["content-type"]),
});
const other = await fetch(strict, { method: "PUT", body: "x", headers: { "Content-Type": "text/html" } });
told.otherType = [other.status, (await other.text()).match(/<Code>(.*?)<\/Code>/)?.[1]];
told.sameType = (await fetch(strict, { method: "PUT", body: "again", headers: { "Content-Type": "text/plain" } })).status;

const got = await fetch(await getSignedUrl(client, new GetObjectCommand({ Bucket, Key })));
told.get = [got.status, await got.text()];

const sent = await client.send(new PutObjectCommand({ ...put, Body: "by a header", Metadata: { who: "ada" } }));
// What can't be read twice goes up in chunks of its own, its checksum behind them (aws-chunked).
const chunks = [Buffer.alloc(8192, "a"), Buffer.alloc(10000, "b"), Buffer.from("end")];
const streamed = await client.send(
  new PutObjectCommand({ ...put, Key: `${Key}.stream`, Body: Readable.from(chunks), ContentLength: 18195 }),
);
const whole = await client.send(new GetObjectCommand({ Bucket, Key: `${Key}.stream` }));
told.stream = [streamed.ETag, (await whole.Body.transformToByteArray()).length, whole.ContentEncoding ?? null];
told.small = await client
  .send(new PutObjectCommand({ ...put, Body: Readable.from([Buffer.from("a"), Buffer.from("b")]), ContentLength: 2 }))
  .catch((error) => error.name);
const back = await client.send(new GetObjectCommand({ Bucket, Key, Range: "bytes=3-7" }));
const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
told.sdk = [sent.ETag, await back.Body.transformToString(), back.ContentRange, head.ContentLength, head.Metadata.who];
told.missing = await client.send(new GetObjectCommand({ Bucket, Key: `${Key}.not` })).catch((error) => error.name);
process.stdout.write(`${JSON.stringify(told)}\n`);
