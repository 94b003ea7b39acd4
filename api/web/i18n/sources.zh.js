// 随附规则包与定额的限值依据，按其英文原文；设施自写的依据不在此列。需要时才加载。
export default {
  "at least once is what MQTT promises, so single repeats are normal; half as many messages again as needed are not (the project's choice)": 'MQTT 只保证至少送达一次，偶有重复属正常；比所需多出一半则不正常（本项目自定）',
  'at least once is what MQTT promises, so single repeats are normal; half as many messages again as needed are not (the project\'s choice)':
    'MQTT 只保证至少送达一次，个别重复属正常；超出所需一半的报文则不正常（本项目自定）',
  'ASHRAE TC 9.9 recommended inlet temperature: 18 to 27 degC': 'ASHRAE TC 9.9 推荐的机房进风温度：18 至 27 °C',
  '5 min ahead: the service\'s own limit; 30 min: data kept during an outage come in a burst and are no wrong clock':
    '超前5分钟：本系统自身限值；30分钟：断网期间缓存的数据会集中补传，不是时钟错误',
  'ridge residuals: 7 of 7 attacks on BATADAL; off by default: 2 false alerts in 21 days on the simulated campus. Name the points of one network in `match`, then `enabled = true`':
    '岭回归残差：BATADAL 7次攻击全部发现；默认关闭：仿真园区21天误报2次。请在`match`中列出同一管网的测点，再设`enabled = true`',
  'record ratio: 79 of 100 on the files of NAB; off by default: 0.1 hints a point-day in a quiet spring of the simulated campus. `enabled = true` turns it on':
    '记录比：NAB数据集79分（满分100）；默认关闭：仿真园区无故障的春季每测点每天0.1条提示。设`enabled = true`启用',
  'invented for the demonstration':
    '演示用虚构数值',
  'own runs of 28 days; limits from simulated machines without a fault, tried on five appliances with 34 malfunctions':
    '自身28天的运行记录；限值取自无故障的模拟设备，并在五台家电的34种故障上验证',
  'three expected intervals: two lost messages in a row are not news':
    '三个预期间隔：丢两条报文尚不足为奇',
  'open-fdd SV-FLATLINE (1 h), lengthened: rooms rest for hours at night':
    'open-fdd SV-FLATLINE（1 小时），有所延长：夜间房间温度会静止数小时',
  'operator\'s choice: beyond any water or air in a building':
    '运行人员自定：超出建筑内任何水、空气的温度',
  'lower limit: outdoor air above 400 ppm; upper: end of common NDIR ranges (10,000 ppm)':
    '下限：室外空气高于 400 ppm；上限：常见 NDIR 量程上限（10,000 ppm）',
  'open-fdd SCHED-1; 5 kW: above the standby of a chiller\'s control and oil heater (operator\'s choice)':
    'open-fdd SCHED-1；5 kW：高于冷水机组控制与油加热的待机功率（运行人员自定）',
  'open-fdd SCHED-1; 0.5 kW: operator\'s choice':
    'open-fdd SCHED-1；0.5 kW：运行人员自定',
  'operator\'s choice; categories of the national sub-metering guideline':
    '运行人员自定；分项按国家分项计量导则',
  '0.90: usual agreement for supplies of 160 kVA and more in China; replace by your contract\'s':
    '0.90：国内 160 kVA 及以上用户的通常约定；请按合同改写',
  'beyond 26 degC in summer and 20 degC in winter, the limits for public buildings in China, by 2 and 4 K':
    '超出国内公共建筑限值（夏季 26 °C、冬季 20 °C）2 K 与 4 K',
  'minimum night flow, 01:00-05:00; 50 L/h: operator\'s choice, a running cistern':
    '夜间最小流量，01:00-05:00；50 L/h：运行人员自定，相当于一个常流水箱',
  '12 V lead-acid (24 V: twice): 11.8 V at rest is about a fifth of the charge; 9.6 V at the start: the usual load test':
    '12 V 铅酸（24 V 加倍）：静置 11.8 V 约为五分之一电量；启动时 9.6 V：通常的负载试验值',
  'common warning temperature of passenger cars; use the maker\'s where known':
    '乘用车常见的报警温度；知道厂家数值时以厂家为准',
  'highest speed on motorways in China: 120 km/h':
    '国内高速公路最高限速：120 km/h',
  'a 60 L tank: 8 % in 10 min is 29 L/h, above the burn of a car at full load':
    '60 L 油箱：10 分钟 8 % 即 29 L/h，超过轿车满负荷油耗',
  'OBD-II (SAE J1979) service 01, count of stored codes':
    'OBD-II（SAE J1979）服务 01，已存故障码数',
  'a quarter below 240 kPa, usual for cars (warning at -25 %, GB 26149 and FMVSS 138)':
    '比常见的 240 kPa 低四分之一（-25 % 报警，GB 26149 与 FMVSS 138）',
  'median and 4 spreads of the last 28 nights of the same kind of day; 20 % and 1 kW: the project\'s choice, above what a server or a pump more or less makes':
    '最近 28 个同类夜晚的中位数加 4 倍离散度；20 % 与 1 kW：本项目自定，高于一台服务器或水泵的出入',
  'own closed days, three weekends at least; 30 % and 2 kW: the project\'s choice':
    '自身休息日，至少三个周末；30 % 与 2 kW：本项目自定',
  'hour-of-week profile of three weeks and more; 6 spreads, 40 %, 3 kW: the project\'s choice, silent on the simulated quiet months':
    '三周以上的周内逐时曲线；6 倍离散度、40 %、3 kW：本项目自定，在仿真的平静月份不告警',
  'medians of whole weeks; 25 %: weather moves the level of an office by less within four weeks, as a rule':
    '整周中位数；25 %：四周内天气对办公楼用能水平的影响通常小于此',
  'residual monitoring on vic_electricity: 26 of 28 holidays, 11 other days in 1,012 at z 4':
    '在 vic_electricity 上的残差监测：z 为 4 时 28 个节日检出 26 个，1,012 天中另有 11 天',
  'weekly CUSUM, k 1, h 4: half a false alert a year, 2 % a month found in 66 days':
    '每周 CUSUM，k 1、h 4：每年误报半次，每月 2 % 的漂移 66 天检出',
  '24 h less a short stop':
    '24 小时减去一次短停',
  'makers of compressors: 4 to 6 starts an hour':
    '压缩机厂家：每小时启动 4 至 6 次',
  'set `contract` to the agreed demand; without it 90 % of the transformer\'s rated power; 15 min as in the two-part tariff':
    '请将 contract 设为合同需量；未设时取变压器额定功率的 90 %；15 分钟同两部制电价',
  'EN 50160: 10 % of ten-minute means; GB/T 12325-2008 permits +7 % and -10 % of 220 V, 7 % of 380 V: take the two keys away to hold the utility to it':
    'EN 50160：十分钟均值 10 %；GB/T 12325-2008 允许 220 V 为 +7 %、-10 %，380 V 为 7 %：要据此约束供电方，请去掉这两个键',
  'GB/T 15543-2008: 2 %; measure of NEMA MG 1':
    'GB/T 15543-2008：2 %；按 NEMA MG 1 计算',
  '25 %: rule for the neutral of Yyn0 transformers (DL/T 572); operator\'s choice':
    '25 %：Yyn0 变压器中性线的规定（DL/T 572）；运行人员自定',
  'GB/T 14549-1993: total distortion of 5 % at 0.38 kV (IEEE 519-2014 permits 8 % up to 1 kV)':
    'GB/T 14549-1993：0.38 kV 总畸变率 5 %（IEEE 519-2014 对 1 kV 以下允许 8 %）',
  'IEEE 519-2014 Table 2: 5 to 20 % by short-circuit ratio; judged from 20 A on':
    'IEEE 519-2014 表 2：按短路比 5 至 20 %；20 A 以上才判断',
  'IEC 62053, GB/T 17215: class 1, with transformers of class 1; 5 % for cables: operator\'s choice':
    'IEC 62053、GB/T 17215：1 级表配 1 级互感器；线缆 5 %：运行人员自定',
  'GB/T 778, ISO 4064: 2 % and 5 % by flow; 10 %: usual loss of a network (GB/T 51161 and water audits ask for less than 12 %)':
    'GB/T 778、ISO 4064：按流量 2 % 与 5 %；10 %：管网通常漏损（GB/T 51161 与水平衡测试要求低于 12 %）',
  'the metering ledger: reads that it holds back, a register that stands still, a question that waits':
    '计量账：暂挂的读数、停走的表、待答的问题',
  'quota of the public institution; 5 % ahead: the project\'s choice':
    '公共机构定额；超前 5 %：本项目自定',
  'fielded platforms of official vehicles: 50 m from the bay without an order, out-of-hours use, sealing in holidays; half an hour of grace: the project\'s choice':
    '在用的公务用车平台：无派车单离位 50 m、非工作时间用车、节假日封存；宽限半小时：本项目自定',
  'the operator\'s area: give `radius` (around the site) or `polygon`; without one the rule is not applicable':
    '由运行人员划定范围：给出 radius（以所在建筑为心）或 polygon；未给出则本规则不适用',
  'many cities forbid more than 3 to 5 minutes; 15 min leaves out loading, ferries and level crossings (the project\'s choice)':
    '许多城市限 3 至 5 分钟；15 分钟可排除装卸、轮渡与道口（本项目自定）',
  'makers\' service tables of passenger cars in China: 10,000 km or a year; replace by the maker\'s. Counting starts with the first sample unless `done` says when the last service was':
    '国内乘用车厂家保养表：10,000 km 或一年；请按厂家改写。未用 done 写明上次保养时，从首个样本起算',
  'own history of at least five stretches of 100 km, 25 %; like vehicles 40 %: the project\'s choice':
    '自身至少五段 100 km 的历史，25 %；同类车辆 40 %：本项目自定',
  '80 %: end of life in makers\' warranties of traction batteries (GB/T 31484 tests until 80 %)':
    '80 %：动力电池厂家质保的寿命终点（GB/T 31484 试验至 80 %）',
  '8 % against the others: above the spread of sensors and of a sunny side; 180 kPa: a quarter below 240 kPa (GB 26149, FMVSS 138)':
    '比其他轮胎低 8 %：高于传感器离散与单侧日晒；180 kPa：比 240 kPa 低四分之一（GB 26149、FMVSS 138）',
  '10 % of the tank: level sensors are good to 1 to 3 % at rest; twice as much while driving':
    '油箱的 10 %：静置时液位传感器精度 1 至 3 %；行驶中加倍',
  'ASHRAE Guideline 36-2021, 5.16.14; own history by least median of squares':
    'ASHRAE 指南 36-2021，5.16.14；自身历史按最小中位数平方',
  'ASHRAE Guideline 36-2021, 5.16.14 FC#1, FC#7, FC#13, with wider bands and two hours: units without all sensors':
    'ASHRAE 指南 36-2021，5.16.14 FC#1、FC#7、FC#13，放宽范围并取两小时：用于传感器不全的机组',
  'ASHRAE Guideline 36-2021, 5.6.6':
    'ASHRAE 指南 36-2021，5.6.6',
  'ASHRAE Guideline 36-2021, 5.16.14 FC#4; 15 %: above dead time and noise of common loops (operator\'s choice)':
    'ASHRAE 指南 36-2021，5.16.14 FC#4；15 %：高于常见回路的死区与噪声（运行人员自定）',
  'open-fdd SCHED-1; opening hours are the operator\'s':
    'open-fdd SCHED-1；开放时间由运行人员定',
  'own curve, bin method of ASHRAE Guideline 14; 15 %: above what meters and unsteady minutes leave':
    '自身曲线，ASHRAE 指南 14 的分箱法；15 %：高于表计误差与不稳定分钟的影响',
  'own curve, bin method; 20 %: flow meters of pumps are less exact than those of chillers (operator\'s choice)':
    '自身曲线，分箱法；20 %：水泵流量计精度低于冷水机组（运行人员自定）',
  '5 min ahead: the service\'s own limit; 30 min: data kept during an outage come in a burst and are no wrong clock':
    '超前 5 分钟：服务自身的限值；30 分钟：断网期间留存的数据会集中到达，并非时钟有误',
  'capacitive sensors read up to 101 % when wet and fall to 0 when open':
    '电容式传感器受潮时读到 101 %，断线时降为 0',
  'GB/T 15945-2008: 0.2 Hz, up to 0.5 Hz in small systems; for 60 Hz replace the limits':
    'GB/T 15945-2008：0.2 Hz，小系统至 0.5 Hz；60 Hz 请改写限值',
  'by definition':
    '按定义',
  '10 % and 5 % beyond the ends: NAMUR NE 43 takes signals outside 3.8-20.5 mA as faults':
    '超出两端 10 % 与 5 %：NAMUR NE 43 将 3.8-20.5 mA 以外的信号视为故障',
  'open-fdd SV-RATE; 10 K in 10 min, above a door opened in winter':
    'open-fdd SV-RATE；10 分钟 10 K，高于冬季开门的影响',
  'room sensors of class 0.5 K; 2.5 K: five times that, a slow mean over two days takes sun and doors out':
    '0.5 K 级室温传感器；2.5 K：为其五倍，两日的缓慢均值可排除日晒与开门',
  'G36 5.1: outdoor sensors of one building are compared; 3 K: the project\'s choice':
    'G36 5.1：同一建筑的室外传感器相互比对；3 K：本项目自定',
  'six hours without the last digit moving':
    '六小时末位不动',
  'open-fdd CMD-1; ten minutes cover a chiller\'s start sequence':
    'open-fdd CMD-1；十分钟足够冷水机组完成启动程序',
  'lowest flow of 3 to 48 h against the meter\'s own memory; 20 L/h (one running cistern) for buildings, 1 L/h for a home; leaks injected into 92 homes: 2 L/h and more found in a day, 1.75 alerts a meter-year':
    '3 至 48 小时最低流量与表自身记忆比较；建筑 20 L/h（一个常流水箱），住户 1 L/h；在 92 户注入漏水：2 L/h 以上一天内发现，每表每年 1.75 次告警',
  'CUSUM of the ranks of daily minima: 0.15 alerts a meter-year on 92 homes':
    '日最小值名次的 CUSUM：92 户，每表每年 0.15 次告警',
  'leak flag of household meters takes 24 h; three days, and 20 L/h (one running cistern): operator\'s choice for buildings':
    '户用表的漏水标志为 24 小时；三天与 20 L/h（一个常流水箱）：运行人员为建筑自定',
  'operator\'s choice: a hose or an open tap takes 600 L/h and more':
    '运行人员自定：软管或龙头常开达 600 L/h 以上',
  '7 days and twice the longest own rest: 0.2 alerts a meter-year on 92 homes':
    '7 天且两倍于自身最长静止：92 户，每表每年 0.2 次告警',
  '10 L: the project\'s choice, more than thermal expansion pushes back':
    '10 L：本项目自定，大于热膨胀回推的水量',
  '12 V lead-acid at rest: 11.8 V is about a fifth of the charge':
    '12 V 铅酸静置：11.8 V 约为五分之一电量',
  '[R] quoted from memory of secondary sources; repositories disagree; check the standard\'s text':
    '[R] 据二手来源凭记忆引用，各处不一；请核对标准原文',
  'table 5.2.1': '表 5.2.1',
};
