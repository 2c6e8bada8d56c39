package apitest

// shape is what the documented API promises of a value.
type shape struct {
	types  []string
	fields map[string]shape // of an object
	closed bool             // the object has no other fields
	items  *shape           // of an array
}

func is(types ...string) shape { return shape{types: types} }

func object(fields map[string]shape) shape { return shape{types: []string{"object"}, fields: fields} }

func closed(fields map[string]shape) shape {
	s := object(fields)
	s.closed = true
	return s
}

func array(items shape) shape { return shape{types: []string{"array"}, items: &items} }

// documented is the documented API's table of fields and types. Where an
// example shows null, the type that it has at other times is there as well.
func documented() map[string]shape {
	return map[string]shape{
		"start": closed(map[string]shape{
			"job_id": is("integer"), "status": is("string"), "message": is("string"),
		}),
		"jobs": object(map[string]shape{
			"jobs": array(object(jobFields("has_logs", is("boolean"), "scheduled_job_id", is("null", "integer")))),
		}),
		"status": object(jobFields("logs", is("null", "string"))),
		"cancel": closed(map[string]shape{
			"message": is("string"), "process_terminated": is("boolean"),
		}),
		"stream": closed(map[string]shape{
			"job_id": is("integer"), "status": is("string"),
			"lines": array(closed(map[string]shape{
				"line_number": is("integer"), "content": is("string"),
			})),
			"total_lines": is("integer"), "has_more": is("boolean"),
		}),
	}
}

// jobFields are the fields of a job, and those that more names.
func jobFields(more ...any) map[string]shape {
	fields := map[string]shape{
		"id":                 is("integer"),
		"repository":         is("string"),
		"status":             is("string"),
		"started_at":         is("null", "string"),
		"completed_at":       is("null", "string"),
		"progress":           is("integer"),
		"error_message":      is("null", "string"),
		"maintenance_status": is("null", "string"),
		"progress_details": object(map[string]shape{
			"original_size":            is("integer"),
			"compressed_size":          is("integer"),
			"deduplicated_size":        is("integer"),
			"nfiles":                   is("integer"),
			"current_file":             is("string"),
			"progress_percent":         is("number", "integer"),
			"backup_speed":             is("number", "integer"),
			"total_expected_size":      is("integer"),
			"estimated_time_remaining": is("integer"),
		}),
	}
	for i := 0; i+1 < len(more); i += 2 {
		fields[more[i].(string)] = more[i+1].(shape)
	}
	return fields
}
