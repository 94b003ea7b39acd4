// English words of the fleet: vehicles and their trips.
export default {
  'view.fleet': 'Fleet',
  'fleet.vehicle': 'Vehicle', 'fleet.away': 'From its site', 'fleet.home': 'at its site', 'fleet.fuel': 'Tank or battery', 'fleet.today': 'Today', 'fleet.odometer': 'Odometer',
  'fleet.fine': 'Nothing is wrong or due.', 'fleet.more': { one: 'and {n} more', other: 'and {n} more' }, 'fleet.rules': 'Rules of the fleet',
  'fleet.empty': 'No vehicle.', 'fleet.emptyWords': 'An equip of type vehicle or bus in the facility file appears here with its trips.',
  'fleet.approved': 'trip approved', 'fleet.unapproved': 'no approved trip',
  'fleet.wrong': 'Wrong or due', 'fleet.past': 'Past alerts', 'fleet.points': 'What it sends', 'fleet.pointsWords': { one: '{n} point', other: '{n} points' },
  'fleet.trips': 'Trips', 'fleet.tripsNote': { one: '{n} trip', other: '{n} trips' }, 'fleet.noTrip': 'It did not move in this time.',
  'fleet.noTripWords': 'A trip is a stretch of running engine, stops of up to five minutes included.',
  'fleet.when': 'When', 'fleet.distance': 'Distance', 'fleet.driving': 'Driving', 'fleet.idling': 'Idling', 'fleet.top': 'Highest speed', 'fleet.tank': 'Tank', 'fleet.ended': 'Ended', 'fleet.running': 'now', 'fleet.together': 'Together',
  'fleetstate.driving': 'driving', 'fleetstate.idling': 'idling', 'fleetstate.parked': 'parked', 'fleetstate.silent': 'silent', 'fleetstate.none': 'no data',
};
