import assert from 'node:assert/strict'
import { test } from 'node:test'
import { base64, concat, fromHex, hex, utf8 } from './bytes'
import { certificateRequest } from './csr'
import { Reader, Tag, sequence, tlv } from './der'
import { newKey } from './keys'
import { agree, decrypt, newTwin, openTwin, readEnvelope, twinOf, wrapTwin } from './twin'
import { newSalt, rewrap, stretch, unwrap, wrap, wrappingKey } from './wrap'

// Made by the server's own authority, with a library that is not the app's: a
// signing key, the envelope for it, the encryption certificate, the key that the
// envelope holds, and a text encrypted to that certificate.
const made = {
  signing: '65d90509c1db26adc915e79bbf7011abafa749bf1360aeb48e3d8a5f581f827e',
  envelope:
    '3081ef300c06082a811ccf5501680105003078022058c0f6f03e6bc6c985f05fee49b321a4dc920f1e8518d7981f18e405e18dafcd02203028e8d0683374cc91be1c1ddc9249' +
    '5ea7c7715296635ca780488b52be4a62f90420d7deabe39417cf1509dd1c1027bcc9109ed9b82dc22262605dfc0bb2fd15517504109d3aed90d97b7c1ae2e1ed039da9109e03' +
    '42000442fc88a671d3e373ff3c325fc7800670a9a8e4ab1be8e7ebc9cfa6bac757ed7414df34d8cc08c5137cb6f878deff9f32bb54a51897e5cca612f54227aaa2d500032100' +
    'b3c707d87589208c021d12f4d9d5ac737ff429c95b434f6d68135b8b2e32c7c9',
  certificate:
    '308202dc30820281a0030201020210434c9efe16cc29e5d5109a2d40023eeb300a06082a811ccf550183753065310b300906035504061302434e31323030060355040a0c2944' +
    '454d4f20e6bc94e7a4bae69cbae69e84efbc88e4b88de585b7e6b395e5be8be69588e58a9befbc89312230200603550403131944454d4f20636572746c696e6b204973737569' +
    '6e6720534d32301e170d3236303633303233353930305a170d3237303633303233353835395a3032310b300906035504061302434e31123010060355040a0c09e794b2e585ac' +
    'e58fb8310f300d06035504030c06e69d8ee5a89c3059301306072a8648ce3d020106082a811ccf5501822d0342000442fc88a671d3e373ff3c325fc7800670a9a8e4ab1be8e7' +
    'ebc9cfa6bac757ed7414df34d8cc08c5137cb6f878deff9f32bb54a51897e5cca612f54227aaa2d500a382014430820140300e0603551d0f0101ff040403020338300c060355' +
    '1d130101ff04023000301d0603551d0e041604141f4d847e66180efe9bc46816912dc07b5b0573cb301f0603551d230418301680148ae3476ee5d8ec7177d7e374eb1c4cfc83' +
    '4f439f306706082b06010505070101045b3059302906082b06010505073001861d68747470733a2f2f63612e6578616d706c652e636e2f63612f6f637370302c06082b060105' +
    '05073002862068747470733a2f2f63612e6578616d706c652e636e2f63612f736d322e63657230310603551d1f042a30283026a024a022862068747470733a2f2f63612e6578' +
    '616d706c652e636e2f63612f736d322e63726c302206082a811cd0140401010416a2141312333330313032313938383131323330303237302006082a811cd014040104041413' +
    '1239313333303130304d413242314333443433300a06082a811ccf5501837503490030460221009d16e1b16d9e518049886524537e632a230dcfeb8fd854fdc7b097cbb69abd' +
    '62022100dc644a2a391cde496615c1e5785e709741e28144afefe251a93fb6f0ce6927d3',
  key: 'b85fb29efe85cff0e04fadec0b9bebbd042959d281cd58b43835a4dac316a87e',
  cipher:
    '3070022100dda158d5ae78adbc9ec2df13cddb3617dff178492e0042a7016046d5c90301930221008d7d4490be02f9b5cf67cccafeada81d89fc9703b23a8d34c24bd8935306' +
    '43f4042046eb720afe204981e1023e0e2c47daab71d833e87c0d3cf0837981c61a5d6f3a04062c63504cb3a0',
}

const under = async (pin = '480913') => wrappingKey(await stretch(pin, newSalt(), 1000), fromHex('ff'.repeat(32)))

test('an envelope of the authority opens with the signing key, and its key decrypts', async () => {
  const fresh = await readEnvelope(fromHex(made.envelope), fromHex(made.signing))
  assert.equal(hex(fresh.secret as Uint8Array), made.key)

  const key = await under()
  const signing = await wrap({ algorithm: 'SM2SM3', name: 'signing', secret: fromHex(made.signing) }, key)
  const told = { certificate: base64(fromHex(made.certificate)), envelope: base64(fromHex(made.envelope)), maker: 'authority', escrowed: false }
  const twin = await twinOf(told)
  assert.ok(twin && twin.keys.length === 0)
  const opened = await openTwin(twin, [signing], key)
  assert.equal(opened.keys.length, 1)
  assert.equal(opened.envelope, undefined)
  assert.equal(new TextDecoder().decode(await decrypt(opened.keys[0]!, key, fromHex(made.cipher))), '标书')
  // It decrypts, and nothing takes it for a signing key.
  await assert.rejects(unwrap(opened.keys[0]!, key))
  await assert.rejects(unwrap({ ...opened.keys[0]!, use: undefined as never }, key))
  await assert.rejects(decrypt(signing, key, fromHex(made.cipher)))
  // Under another PIN it stays shut, and a change of the PIN takes it along.
  const other = await under('770215')
  assert.equal((await openTwin(twin, [signing], other)).keys.length, 0)
  const again = await rewrap(opened.keys[0]!, key, other)
  assert.equal(new TextDecoder().decode(await decrypt(again, other, fromHex(made.cipher))), '标书')
})

test('an envelope that was changed, or is for another key, is refused', async () => {
  const good = fromHex(made.envelope)
  const signing = fromHex(made.signing)
  await assert.rejects(readEnvelope(good, fromHex(made.key)))
  // Any one byte: in the key that is sealed, the point, the private key.
  for (let i = 0; i < good.length; i += 7) {
    const bad = good.slice()
    bad[i]! ^= 0x01
    await assert.rejects(readEnvelope(bad, signing))
  }
  await assert.rejects(readEnvelope(good.slice(0, -1), signing))
  await assert.rejects(readEnvelope(concat(good, fromHex('00')), signing))
  await assert.rejects(readEnvelope(sequence(), signing))
  // Another certificate's envelope.
  const key = await under()
  const mine = await wrap({ algorithm: 'SM2SM3', name: 'signing', secret: signing.slice() }, key)
  const stranger = await newTwin()
  const der = fromHex(made.certificate)
  const at = hex(der).indexOf(made.key) // not in a certificate
  assert.equal(at, -1)
  const twin = await twinOf({ certificate: base64(der), envelope: base64(good), maker: 'authority', escrowed: true })
  assert.ok((await openTwin(twin!, [mine], key)).keys.length === 1)
  assert.notEqual(stranger.name, twin!.keys[0]?.name)
})

test('a P-256 phone makes both keys; the second agrees on secrets only', async () => {
  const key = await under()
  const [fresh, second] = [await newKey('ES256'), await newTwin()]
  const csr = await certificateRequest(fresh, '张三', second.spki)
  const attributes = new Reader(new Reader(csr).enter().next().raw).enter()
  attributes.next(Tag.integer)
  attributes.next()
  attributes.next()
  const attribute = new Reader(attributes.next(0xa0).body).enter()
  assert.equal(hex(attribute.next(Tag.oid).raw), '06092a864886f70d01093f')
  assert.deepEqual(attribute.next(Tag.set).raw, tlv(Tag.set, second.spki))

  const w = await wrapTwin(second, key)
  const peer = await crypto.subtle.generateKey({ name: 'ECDH', namedCurve: 'P-256' }, true, ['deriveBits'])
  const point = new Uint8Array(await crypto.subtle.exportKey('raw', peer.publicKey))
  const mine = await crypto.subtle.importKey('spki', second.spki, { name: 'ECDH', namedCurve: 'P-256' }, true, [])
  const theirs = new Uint8Array(await crypto.subtle.deriveBits({ name: 'ECDH', public: mine }, peer.privateKey, 256))
  assert.deepEqual(await agree(w, key, point), theirs)
  await assert.rejects(unwrap(w, key))
  await assert.rejects(agree(await wrap(fresh, key), key, point))
  await assert.rejects(decrypt(w, key, utf8('x')))
})
