namespace Lean.Kernels.Device;

/// <summary>A chunk of what a line of warps of <see cref="MixtureRows"/> multiplies: of a unit of outputs, and of its group's units, one after the other.</summary>
public struct GateUpPlace
{
    /// <summary>The unit, counted through the group's: the shared expert's first.</summary>
    public int Unit;

    /// <summary>The row, of the shared expert's units, or the row and rank.</summary>
    public int Matrix;

    /// <summary>The unit among the matrix's.</summary>
    public int Within;

    /// <summary>The chunk of the slice.</summary>
    public int Chunk;

    /// <summary>A unit's first chunk.</summary>
    /// <param name="unit">Counted through the group's.</param>
    /// <param name="first">The unit counted through all of its kind.</param>
    /// <param name="units">Units of a matrix of its kind.</param>
    public static GateUpPlace Of(int unit, int first, int units)
    {
        int matrix = first / units;
        return new GateUpPlace { Unit = unit, Matrix = matrix, Within = first - (matrix * units) };
    }

    /// <summary>The place behind one.</summary>
    /// <param name="place">The one.</param>
    /// <param name="lines">Units from one of the line's to the next.</param>
    /// <param name="chunks">Chunks of a slice.</param>
    /// <param name="sharedCount">How many units of the group's are the shared expert's.</param>
    /// <param name="sharedUnits">Units of the shared expert.</param>
    /// <param name="routedFirst">The group's first unit of the ranks'.</param>
    /// <param name="units">Units of a rank.</param>
    public static GateUpPlace After(GateUpPlace place, int lines, int chunks, int sharedCount, int sharedUnits, int routedFirst, int units)
    {
        place.Chunk++;
        if (place.Chunk >= chunks)
        {
            bool wasShared = place.Unit < sharedCount;
            place.Chunk = 0;
            place.Unit += lines;
            bool isShared = place.Unit < sharedCount;
            place.Within = isShared || !wasShared ? place.Within + lines : routedFirst + place.Unit - sharedCount;
            place.Matrix = isShared || !wasShared ? place.Matrix : 0;
            int per = isShared ? sharedUnits : units;
            if (place.Within >= per)
            {
                int more = place.Within / per;
                place.Matrix += more;
                place.Within -= more * per;
            }
        }

        return place;
    }
}
