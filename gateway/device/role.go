package device

// String is the role's word: the key of its name in package text.
func (r Role) String() string {
	switch r {
	case RoleFault:
		return "fault"
	case RoleCredit:
		return "authorise"
	case RoleSupply:
		return "supply"
	case RoleA:
		return "a"
	case RoleB:
		return "b"
	case RoleOpenLimit:
		return "open_limit"
	case RoleClosedLimit:
		return "closed_limit"
	case RoleSafety:
		return "safety"
	case RoleManual:
		return "manual"
	case RoleForce:
		return "force"
	case RoleArm:
		return "arm"
	}
	return "input"
}
