using Lean.Engine.Models;

namespace Lean.Engine.Running;

/// <summary>Numbers that were not finite, which end a request.</summary>
/// <param name="Step">The step of the run, from 1.</param>
/// <param name="Position">The first of the step's positions of that sequence where the place is this one.</param>
/// <param name="Place">The first place of the model, in the order of computation (see <see cref="FaultPlace"/>).</param>
internal readonly record struct Fault(int Step, int Position, int Place)
{
    /// <summary>The fault of a sequence's rows in a step, or null where all are finite.</summary>
    /// <param name="places">What the norms noted for each row.</param>
    /// <param name="firstPosition">The first row's position.</param>
    /// <param name="step">The step's number.</param>
    /// <param name="end">Places from here on do not count.</param>
    public static Fault? Of(ReadOnlySpan<int> places, int firstPosition, int step, int end = int.MaxValue)
    {
        int first = -1;
        for (int i = 0; i < places.Length; i++)
        {
            if (places[i] != FaultPlace.None && places[i] < end && (first < 0 || places[i] < places[first]))
            {
                first = i;
            }
        }

        return first < 0 ? null : new Fault(step, firstPosition + first, places[first]);
    }
}
