package local

// addTimetable says when this host backs what up.
func (s *Server) addTimetable(st *Status) {
	st.Schedules = []Schedule{}
	if s.o.Timetable == nil {
		return
	}
	names := map[int64]string{}
	for _, r := range st.Repositories {
		names[r.ID] = r.Name
	}
	states, zone, _ := s.o.Timetable()
	st.Timezone = zone
	for _, one := range states {
		out := Schedule{
			ID: one.Schedule, Name: one.Name, Repository: names[one.Repository], Cron: one.Cron,
			Paused: one.Paused, Problem: one.Problem, Missed: []Missed{},
		}
		if !one.Next.IsZero() {
			next := one.Next
			out.Next = &next
		}
		for _, m := range one.Missed {
			out.Missed = append(out.Missed, Missed(m))
		}
		st.Schedules = append(st.Schedules, out)
	}
}
