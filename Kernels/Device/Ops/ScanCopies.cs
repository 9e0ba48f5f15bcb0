using ILGPU;

namespace Lean.Kernels.Device;

/// <summary>Brings what <see cref="DeltaRuleScan"/> needs of a cell into shared memory, all threads of its group together.</summary>
internal static class ScanCopies
{
    public static void BringKeys(uint memory, int buffer, ArrayView<float> keys, long keyAt, ArrayView<float> gates, long gateAt)
    {
        for (int i = 0; i < ScanLayout.KeyBytes / 16 / DeltaRuleScan.Threads; i++)
        {
            int chunk = Group.IdxX + (i * DeltaRuleScan.Threads);
            CopyAsync.Sixteen(memory + (uint)((buffer * ScanLayout.KeyBytes) + (chunk * 16)), ref keys[keyAt + (chunk * 4)]);
        }

        if (Group.IdxX < ScanLayout.GateBytes / 16)
        {
            CopyAsync.Sixteen(memory + (uint)(ScanLayout.GatesAt + (buffer * ScanLayout.GateBytes) + (Group.IdxX * 16)), ref gates[gateAt + (Group.IdxX * 4)]);
        }
    }

    public static void BringTriangle(uint shared, ArrayView<float> triangle, long at)
    {
        for (int i = 0; i < DeltaRuleLayout.TriangleWords / 4 / DeltaRuleScan.Threads; i++)
        {
            int chunk = Group.IdxX + (i * DeltaRuleScan.Threads);
            CopyAsync.Sixteen(shared + (uint)(chunk * 16), ref triangle[at + (chunk * 4)]);
        }
    }
}
