// 车队：车辆与行程。
export default {
  'view.fleet': '车队',
  'fleet.vehicle': '车辆', 'fleet.away': '距驻地', 'fleet.home': '在驻地', 'fleet.fuel': '油量或电量', 'fleet.today': '今日里程', 'fleet.odometer': '总里程',
  'fleet.fine': '无告警，无到期事项。', 'fleet.more': { other: '另有{n}项' }, 'fleet.rules': '车队规则',
  'fleet.empty': '没有车辆。', 'fleet.emptyWords': '设施文件中类型为 vehicle 或 bus 的设备及其行程显示在此。',
  'fleet.approved': '已批准出车', 'fleet.unapproved': '无出车审批',
  'fleet.wrong': '告警与到期', 'fleet.past': '历史告警', 'fleet.points': '上报数据', 'fleet.pointsWords': { other: '{n}个测点' },
  'fleet.trips': '行程', 'fleet.tripsNote': { other: '{n}次行程' }, 'fleet.noTrip': '此时段内未行驶。',
  'fleet.noTripWords': '一次行程为发动机连续运转的时段，含五分钟以内的停歇。',
  'fleet.when': '时间', 'fleet.distance': '里程', 'fleet.driving': '行驶', 'fleet.idling': '怠速', 'fleet.top': '最高车速', 'fleet.tank': '油箱', 'fleet.ended': '终点', 'fleet.running': '进行中', 'fleet.together': '合计',
  'fleetstate.driving': '行驶', 'fleetstate.idling': '怠速', 'fleetstate.parked': '停放', 'fleetstate.silent': '无信号', 'fleetstate.none': '无数据',
};
