import { dictionary } from '../../shared/i18n'

export const t = dictionary(
  {
    act: '吊销/挂失…',
    bound: '绑定的账号“{account}”将不能再用它办理业务。',
    bidsLost: '吊销后换手机将无法解密这些标书。请先联系招标代理机构。',
    bidsUnknown: '没有查到是否有未开标的加密标书。如有，吊销后可能无法解密，请先联系招标代理机构。',
  },
  {
    act: 'Revoke…',
    bound: 'The account “{account}”, which is bound to it, can no longer act with it.',
    bidsLost: 'With another phone these bids cannot be decrypted: ask the tendering agency first.',
    bidsUnknown: 'It could not be seen whether encrypted bids are still unopened. If so, they may be lost: ask the tendering agency first.',
  },
)
