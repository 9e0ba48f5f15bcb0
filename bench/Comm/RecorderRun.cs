namespace Lean.Bench.Comm;

/// <summary>What the flight recorder costs, as it is saved.</summary>
/// <param name="Command">The command.</param>
/// <param name="NoteNanoseconds">One note: submitted, started, finished; the least of several repeats.</param>
/// <param name="Loopback">Steps of collectives and nothing else.</param>
/// <param name="Decode">Decode steps of the demo.</param>
internal sealed record RecorderRun(string Command, double NoteNanoseconds, RecorderCost[] Loopback, RecorderCost[] Decode);
